# Compiled by metaflow-prefect-northflank 0.1.0 from linear.py (sha256 d8b3f68e3873).
# Do not edit: change the flow and compile it again.
"""LinearFlow"""

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
    flow="LinearFlow",
    source="linear.py",
    sha256="d8b3f68e3873a1cd1d72abe5c2e17dac9f58cfd3ec0482a8526d6c6011936321",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="middle")
def middle(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Next("middle")),
    Step(middle, Next("end")),
    Step(end, End()),
)


@flow(
    name="LinearFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def linear_flow() -> None:
    """LinearFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(linear_flow)
