# Compiled by metaflow-prefect-northflank 0.1.0 from foreach_after_foreach.py (sha256 3175963c84cb).
# Do not edit: change the flow and compile it again.
"""ForeachAfterForeachFlow"""

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
    flow="ForeachAfterForeachFlow",
    source="foreach_after_foreach.py",
    sha256="3175963c84cbf8f1a563bf7fb4faa4b85e5739b872d2adf4cb8b05ad11fa136e",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="one")
def one(label: str) -> None:
    run_step(label)


@task(name="join_one")
def join_one(label: str) -> None:
    run_step(label)


@task(name="fan")
def fan(label: str) -> None:
    run_step(label)


@task(name="two")
def two(label: str) -> None:
    run_step(label)


@task(name="join_two")
def join_two(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Foreach("one", over="items")),
    Step(one, Next("join_one")),
    Step(join_one, Next("fan"), joins="start"),
    Step(fan, Foreach("two", over="items")),
    Step(two, Next("join_two")),
    Step(join_two, Next("end"), joins="fan"),
    Step(end, End()),
)


@flow(
    name="ForeachAfterForeachFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def foreach_after_foreach_flow() -> None:
    """ForeachAfterForeachFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(foreach_after_foreach_flow)
