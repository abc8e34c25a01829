# Compiled by metaflow-prefect-northflank 0.1.0 from parameter_default_function.py (sha256 dde21b9f2336).
# Do not edit: change the flow and compile it again.
"""ParameterDefaultFunctionFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Parameter,
    Program,
    Step,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="ParameterDefaultFunctionFlow",
    source="parameter_default_function.py",
    sha256="dde21b9f23365c80416bf13f30b0acd1cb889eaa7f20a4e00b262a927291b6ee",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "label",
        str,
        default="parameterdefaultfunctionflow-42",
    ),
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Next("end")),
    Step(end, End()),
)


@flow(
    name="ParameterDefaultFunctionFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def parameter_default_function_flow(
    label: str = "parameterdefaultfunctionflow-42",
) -> None:
    """ParameterDefaultFunctionFlow"""
    execute(PROGRAM, STEPS, {"label": label})


if __name__ == "__main__":
    main(parameter_default_function_flow, PARAMETERS)
