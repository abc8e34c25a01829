# Compiled by metaflow-prefect-northflank 0.1.0 from catch_without_var.py (sha256 807e87a4e0e7).
# Do not edit: change the flow and compile it again.
"""CatchWithoutVarFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Program,
    Step,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="CatchWithoutVarFlow",
    source="catch_without_var.py",
    sha256="807e87a4e0e7cea3fb25c6d2bb35b602fbbeeb1c6093280afe613142d17c49f8",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(
    name="start",
    retries=3,
)
def start(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Next("end"), error_retries=3),
    Step(end, End()),
)


@flow(
    name="CatchWithoutVarFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def catch_without_var_flow() -> None:
    """CatchWithoutVarFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(catch_without_var_flow)
