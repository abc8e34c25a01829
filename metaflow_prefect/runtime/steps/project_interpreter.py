"""The interpreter of a run's commands: this process's own, or that of the uv project which travels with the flow."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version

from metaflow_prefect.runtime.flow.program import Program


def of(program: Program, variables: Mapping[str, str], say: Callable[[str], None]) -> str:
    """Return the interpreter of all commands of a run of *program* in the environment *variables*.

    The packages of a project are installed if they are not there yet.

    Raises:
        InitFailed: they cannot be.
    """
    if program.project is None:
        return sys.executable
    # Few flows have one.
    from metaflow_prefect.runtime.packages import project

    return project.interpreter(program.project, _needed(program.datastore), variables, say)


def _needed(datastore: str) -> tuple[str, ...]:
    """Return what Metaflow needs in the project's environment, as its own `metaflow.plugins.uv.bootstrap` does.

    Metaflow itself is of the version that begins the run.
    """
    from metaflow.metaflow_config import get_pinned_conda_libs

    others = get_pinned_conda_libs(None, datastore)
    return (f"metaflow=={version('metaflow')}", *sorted(others))
