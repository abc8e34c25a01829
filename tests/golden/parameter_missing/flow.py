# Compiled by metaflow-prefect-northflank 0.1.0 from parameter_missing.py (sha256 5702c76502ff).
# Do not edit: change the flow and compile it again.
"""ParameterMissingFlow"""

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
    flow="ParameterMissingFlow",
    source="parameter_missing.py",
    sha256="5702c76502ff3e10268f6d332adeabd1604c1f72ca9abeb103feb337c1b958b4",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "must",
        str,
        required=True,
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
    name="ParameterMissingFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def parameter_missing_flow(
    must: str,
) -> None:
    """ParameterMissingFlow"""
    execute(PROGRAM, STEPS, {"must": must})


if __name__ == "__main__":
    main(parameter_missing_flow, PARAMETERS)
