"""What generated files import: the graph as data, and the engine that runs it as Prefect task runs.

Loaded name by name, because the compiler needs only a few facts of the runtime and must start quickly.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metaflow_prefect.runtime.flow.graph import (
        Container,
        End,
        Foreach,
        Next,
        Parallel,
        Split,
        Step,
        Switch,
    )
    from metaflow_prefect.runtime.flow.program import RUNTIME_API, Program, check_api
    from metaflow_prefect.runtime.local.declared_parameters import Json, Parameter
    from metaflow_prefect.runtime.local.main import main
    from metaflow_prefect.runtime.packages.lock import locked_packages
    from metaflow_prefect.runtime.run.engine import execute, execute_slice, run_step
    from metaflow_prefect.runtime.run.exit_hooks import exit_hooks

__all__ = [
    "RUNTIME_API",
    "Container",
    "End",
    "Foreach",
    "Json",
    "Next",
    "Parallel",
    "Parameter",
    "Program",
    "Split",
    "Step",
    "Switch",
    "check_api",
    "execute",
    "execute_slice",
    "exit_hooks",
    "locked_packages",
    "main",
    "run_step",
]

_MODULES = {
    **dict.fromkeys(("execute", "execute_slice", "run_step"), "run.engine"),
    "exit_hooks": "run.exit_hooks",
    "locked_packages": "packages.lock",
    **dict.fromkeys(
        ("Container", "End", "Foreach", "Next", "Parallel", "Split", "Step", "Switch"), "flow.graph"
    ),
    **dict.fromkeys(("Json", "Parameter"), "local.declared_parameters"),
    "main": "local.main",
    **dict.fromkeys(("RUNTIME_API", "Program", "check_api"), "flow.program"),
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
