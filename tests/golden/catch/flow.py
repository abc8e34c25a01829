# Compiled by metaflow-prefect-northflank 0.1.0 from catch.py (sha256 5e97ff6a6317).
# Do not edit: change the flow and compile it again.
"""CatchFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Foreach,
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
    flow="CatchFlow",
    source="catch.py",
    sha256="5e97ff6a6317934786f4a0d13eb80923df9a40cff56c5fca47c4e3649197d9ea",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(
    name="divide",
    retries=3,
)
def divide(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Foreach("divide", over="items")),
    Step(divide, Next("join"), error_retries=3),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="CatchFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def catch_flow() -> None:
    """CatchFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(catch_flow)
