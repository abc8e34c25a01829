"""What differs between a run with `--with northflank` and one without, printed as JSON.

    python -m tests.behaviour.on_northflank ROOT OURS THEIRS

A process of its own, because Metaflow's client reads where S3 is when it is imported.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tests.behaviour.comparing import of_runs
from tests.behaviour.snapshot import RunSnapshot, TaskSnapshot

_BY_DESIGN = ("ds-type", "ds-root", "code-package", "northflank-", "python_version", "runtime")
"""Metadata of a container: where its data, its code and its Python are."""

_OF_METAFLOW = (
    "Setting up task environment.",
    "Downloading code package...",
    "Code package downloaded.",
    "Task is starting.",
    "Bootstrapping",
    "[northflank] ",
)
"""Lines with which Metaflow's backends begin the log of a task, those of environments, and what a container waits for."""


_FOLDER = re.compile(r'(?<=File \\")[^"]*/|(?<=File ")[^"]*/')
"""The folders of files in tracebacks."""


def shown(run: RunSnapshot) -> RunSnapshot:
    """Return the run without what is meant to differ."""
    return replace(run, tasks={place: _task(task) for place, task in run.tasks.items()})


def _task(task: TaskSnapshot) -> TaskSnapshot:
    # Cards are in S3, where the snapshot does not look for them; test_laptop.py does.
    return replace(
        task,
        metadata=_metadata(task.metadata),
        artifacts={name: _FOLDER.sub("", value) for name, value in task.artifacts.items()},
        stdout=_lines(task.stdout),
        stderr=_lines(task.stderr),
        cards=(),
    )


def _metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in metadata.items() if not name.startswith(_BY_DESIGN)}


def _lines(text: str) -> str:
    # Where the code lies, and what Metaflow itself says about a task that failed.
    kept = (line for line in text.splitlines() if not line.startswith(_OF_METAFLOW))
    return _FOLDER.sub("", "\n".join(kept))


def main(root: str, ours: str, theirs: str) -> None:
    """Print the differences."""
    sys.stdout.write(json.dumps(of_runs(Path(root), ours, theirs, shown)))


if __name__ == "__main__":
    main(*sys.argv[1:])
