# Compiled by metaflow-prefect-northflank 0.1.0 from nested_foreach.py (sha256 7bb35c6db178).
# Do not edit: change the flow and compile it again.
"""NestedForeachFlow"""

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
    flow="NestedForeachFlow",
    source="nested_foreach.py",
    sha256="7bb35c6db1783b374a9b25e07ab8deb76f3cdc81d3bb4112878cae221f9fd6cf",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="fan")
def fan(label: str) -> None:
    run_step(label)


@task(name="work")
def work(label: str) -> None:
    run_step(label)


@task(name="inner_join")
def inner_join(label: str) -> None:
    run_step(label)


@task(name="outer_join")
def outer_join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Foreach("fan", over="outer")),
    Step(fan, Foreach("work", over="inner")),
    Step(work, Next("inner_join")),
    Step(inner_join, Next("outer_join"), joins="fan"),
    Step(outer_join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="NestedForeachFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def nested_foreach_flow() -> None:
    """NestedForeachFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(nested_foreach_flow)
