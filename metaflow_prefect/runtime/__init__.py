"""What generated files import: the graph as data, and the engine that runs it as Prefect task runs."""

from metaflow_prefect.runtime.engine import execute, run_step
from metaflow_prefect.runtime.graph import End, Foreach, Next, Parallel, Split, Step, Switch
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
    "main",
    "run_step",
]
