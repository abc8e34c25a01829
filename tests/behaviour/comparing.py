"""The oracle: a flow runs under Metaflow and through us at the same time; every difference is named."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from tests.behaviour import deploying, snapshot
from tests.behaviour.cases import FLOWS, Case
from tests.behaviour.deploying import Stage
from tests.behaviour.running import Ended, Form, NotStarted, Started, start
from tests.behaviour.snapshot import RunSnapshot

_HOOKS_SECONDS = 60

ALWAYS_OTHERWISE: Mapping[str, tuple[str, ...]] = {
    # The name of micromamba's environment, which uv does not make.
    "pypi_packages": tuple(
        f"run.tasks.{task}.metadata.conda_env_prefix"
        for task in ("start", "work[0]", "work[1]", "work[2]", "end")
    ),
}
"""What differs by design wherever a flow runs through us."""

OTHERWISE: Mapping[str, tuple[str, ...]] = {
    # They show `current.username` and the client's namespace: those of the deployment, not of a person.
    "current_fields": ("run.tasks.start.artifacts.seen", "run.tasks.end.artifacts.seen"),
}
"""What differs by design where a flow is deployed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to run a flow through us; `environment` is what its processes get besides."""

    name: str
    form: Form
    environment: Mapping[str, str]


def compare(case: Case, root: Path, *ways: Way) -> list[str]:
    """Run *case* under Metaflow and in each way, below *root*; return what differs: nothing is what we want."""
    case = placed(case, root, "flows")
    theirs, *ours = _run_all(case, root, ways)
    return [
        f"{way.name}: {line}"
        for way, ended in zip(ways, ours, strict=True)
        for line in differing(case, root, ended, theirs)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedRuns:
    """The runs of a case that are over: Metaflow's own, and one of each deployment."""

    case: Case
    root: Path
    theirs: Ended
    ours: Mapping[Form, Ended]

    def differences(self) -> list[str]:
        """Name what differs; nothing is what we want."""
        return [
            f"{form.value}: {line}"
            for form, ended in self.ours.items()
            for line in differing(
                self.case,
                self.root,
                ended,
                self.theirs,
                snapshot.without_owner,
                OTHERWISE.get(self.case.name, ()),
            )
        ]


def run_deployed(case: Case, forms: Iterable[Form], root: Path, stage: Stage) -> DeployedRuns:
    """Run *case* under Metaflow and as deployments, whose folder is moved away before any run of them."""
    here = placed(case, root, "deploying")
    case = placed(case, root, "flows")
    native = start(case, Form.METAFLOW, root)
    try:
        deployed = {form: deploying.deploy(here, form, root, stage) for form in forms}
        here = replace(here, folder=here.folder.rename(root / "moved"))
        runs = {
            form: deploying.trigger(here, done, form, root, stage)
            for form, done in deployed.items()
        }
        ours = {form: run.wait() for form, run in runs.items()}
        theirs = native.wait()
    finally:
        native.end()
    for ended in ours.values():
        _wait_for_hooks(root, ended, theirs)
    return DeployedRuns(case=case, root=root, theirs=theirs, ours=ours)


def _wait_for_hooks(root: Path, ours: Ended, theirs: Ended) -> None:
    """Prefect calls hooks when the flow run is over already; only wait for some that are to come."""
    deadline = time.monotonic() + _HOOKS_SECONDS
    while snapshot.hooks(root, theirs.run_id) and not snapshot.hooks(root, ours.run_id):
        if time.monotonic() > deadline:
            return
        time.sleep(0.2)


def placed(case: Case, root: Path, name: str) -> Case:
    """Return *case* in a copy of its folder below *root*, where a run may work beside its flow."""
    if case.folder not in {FLOWS, FLOWS / "support"}:
        return case
    # Metaflow looks for it from the working directory upward.
    (root / ".metaflow").mkdir(exist_ok=True)
    ignored = shutil.ignore_patterns("__pycache__", ".metaflow")
    return replace(
        case, folder=shutil.copytree(case.folder, root / name, symlinks=True, ignore=ignored)
    )


def differing(
    case: Case,
    root: Path,
    ours: Ended,
    theirs: Ended,
    shown: Callable[[RunSnapshot], RunSnapshot] = lambda run: run,
    by_design: tuple[str, ...] = (),
) -> list[str]:
    """Name what differs between two runs of *case*, as they are *shown*, but for what does so *by_design*."""
    if (theirs.exit_code != 0) != case.fails or (theirs.run_id is None) == case.starts:
        return [
            f"not as meant under Metaflow, it ended with {theirs.exit_code}:\n{theirs.output[-3000:]}"
        ]
    found = list(_of_processes(ours, theirs))
    by_design += ALWAYS_OTHERWISE.get(case.name, ())
    if ours.run_id is not None and theirs.run_id is not None:
        pathspecs = (f"{case.flow}/{ended.run_id}" for ended in (ours, theirs))
        found += [it for it in of_runs(root, *pathspecs, shown) if not it.startswith(by_design)]
    if found:
        found.append(f"our output ended with:\n{ours.output[-3000:]}")
    return found


def _run_all(case: Case, root: Path, ways: Iterable[Way]) -> list[Ended]:
    """Run *case* under Metaflow and in all *ways* at the same time; leave no process behind."""
    with ExitStack() as processes:
        started: list[Started | NotStarted] = [start(case, Form.METAFLOW, root)]
        processes.callback(started[0].end)
        for way in ways:
            started.append(start(case, way.form, root, way.environment, name=f"-{way.name}"))
            processes.callback(started[-1].end)
        return [run.wait() for run in started]


def _of_processes(ours: Ended, theirs: Ended) -> list[str]:
    found = []
    if (ours.exit_code == 0) != (theirs.exit_code == 0):
        found.append(f"exit code: ours {ours.exit_code}, Metaflow's {theirs.exit_code}")
    if (ours.run_id is None) != (theirs.run_id is None):
        found.append(f"run id: ours {ours.run_id}, Metaflow's {theirs.run_id}")
    return found


def of_runs(
    root: Path,
    ours: str,
    theirs: str,
    shown: Callable[[RunSnapshot], RunSnapshot] = lambda run: run,
) -> list[str]:
    """Return what differs between two runs, given by their pathspecs, as they are *shown*."""
    if not snapshot.exists(root, ours):
        return [f"Metaflow does not know our run {ours}"]
    if shown(snapshot.read(root, ours)) == shown(snapshot.read(root, theirs)):
        return []
    return snapshot.differences(
        shown(snapshot.read(root, ours, with_values=True)),
        shown(snapshot.read(root, theirs, with_values=True)),
    )
