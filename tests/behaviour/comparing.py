"""The oracle: a flow runs under Metaflow and through us at the same time; every difference is named."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.behaviour import snapshot
from tests.behaviour.cases import Case
from tests.behaviour.running import Ended, Form, start


def compare(case: Case, form: Form, root: Path, extra: Mapping[str, str]) -> list[str]:
    """Run *case* twice below *root* and return what differs; nothing is what we want."""
    theirs, ours = _run_both(case, form, root, extra)
    if (theirs.exit_code != 0) != case.fails or (theirs.run_id is None) == case.starts:
        return [
            f"not as meant under Metaflow, it ended with {theirs.exit_code}:\n{theirs.output[-3000:]}"
        ]
    found = list(_of_processes(ours, theirs))
    if ours.run_id is not None and theirs.run_id is not None:
        found += of_runs(root, f"{case.flow}/{ours.run_id}", f"{case.flow}/{theirs.run_id}")
    if found:
        found.append(f"our output ended with:\n{ours.output[-3000:]}")
    return found


def _run_both(case: Case, form: Form, root: Path, extra: Mapping[str, str]) -> tuple[Ended, Ended]:
    """Run *case* under Metaflow and in *form* at the same time; leave no process behind."""
    with ExitStack() as processes:
        native = start(case, Form.METAFLOW, root)
        processes.callback(native.end)
        other = start(case, form, root, extra)
        processes.callback(other.end)
        return native.wait(), other.wait()


def _of_processes(ours: Ended, theirs: Ended) -> list[str]:
    found = []
    if (ours.exit_code == 0) != (theirs.exit_code == 0):
        found.append(f"exit code: ours {ours.exit_code}, Metaflow's {theirs.exit_code}")
    if (ours.run_id is None) != (theirs.run_id is None):
        found.append(f"run id: ours {ours.run_id}, Metaflow's {theirs.run_id}")
    return found


def of_runs(root: Path, ours: str, theirs: str) -> list[str]:
    """Return what differs between two runs, given by their pathspecs."""
    if not snapshot.exists(root, ours):
        return [f"Metaflow does not know our run {ours}"]
    if snapshot.read(root, ours) == snapshot.read(root, theirs):
        return []
    return snapshot.differences(
        snapshot.read(root, ours, with_values=True),
        snapshot.read(root, theirs, with_values=True),
    )
