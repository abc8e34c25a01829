"""What generated files import: the graph as data, and the engine that runs it as Prefect task runs.

Loaded name by name, because the compiler needs only a few facts of the runtime and must start quickly.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metaflow_prefect.runtime.engine import execute, run_step
    from metaflow_prefect.runtime.graph import End, Foreach, Next, Parallel, Split, Step, Switch
    from metaflow_prefect.runtime.hooks import exit_hooks
    from metaflow_prefect.runtime.parameters import Json, Parameter, main
    from metaflow_prefect.runtime.program import RUNTIME_API, Program, check_api

__all__ = [
    "RUNTIME_API",
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
    "exit_hooks",
    "main",
    "run_step",
]

_MODULES = {
    **dict.fromkeys(("execute", "run_step"), "engine"),
    "exit_hooks": "hooks",
    **dict.fromkeys(("End", "Foreach", "Next", "Parallel", "Split", "Step", "Switch"), "graph"),
    **dict.fromkeys(("Json", "Parameter", "main"), "parameters"),
    **dict.fromkeys(("RUNTIME_API", "Program", "check_api"), "program"),
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
