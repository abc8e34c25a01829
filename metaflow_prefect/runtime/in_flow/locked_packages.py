"""Tell Metaflow's `--environment=pypi` that there is nothing to do: this package has made the steps' interpreters.

Steps with @pypi can only be executed under that environment, which would look for micromamba.
It imports nothing of this package: it is loaded by path, where the package may not be importable.
"""

from __future__ import annotations

import os
from typing import Any

VARIABLE = "METAFLOW_PREFECT_LOCKED_PACKAGES"


def at_command_line() -> None:
    """Make every step look as if it had `@pypi(disabled=True)`, if this process's environment says so."""
    if not os.environ.get(VARIABLE):
        return
    from metaflow.plugins.pypi.conda_environment import CondaEnvironment

    CondaEnvironment.init_environment = _nothing
    CondaEnvironment.is_disabled = _true
    CondaEnvironment.get_environment = _empty
    CondaEnvironment.add_to_package = _no_files


def _nothing(*_: Any, **__: Any) -> None:
    """Replace `init_environment`, which makes the interpreters."""


def _true(*_: Any) -> bool:
    return True


def _empty(*_: Any) -> dict[str, Any]:
    return {}


def _no_files(*_: Any) -> list[Any]:
    return []
