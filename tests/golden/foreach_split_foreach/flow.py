# Compiled by metaflow-prefect-northflank 0.1.0 from foreach_split_foreach.py (sha256 546d04c14386).
# Do not edit: change the flow and compile it again.
"""ForeachSplitForeachFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Foreach,
    Next,
    Program,
    Split,
    Step,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="ForeachSplitForeachFlow",
    source="foreach_split_foreach.py",
    sha256="546d04c143864767ba421183a6eafb0b3f3098cde042e89e3c1328569797e84f",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="body")
def body(label: str) -> None:
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


@task(name="lone")
def lone(label: str) -> None:
    run_step(label)


@task(name="split_join")
def split_join(label: str) -> None:
    run_step(label)


@task(name="outer_join")
def outer_join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Foreach("body", over="outer")),
    Step(body, Split("fan", "lone")),
    Step(fan, Foreach("work", over="inner")),
    Step(work, Next("inner_join")),
    Step(inner_join, Next("split_join"), joins="fan"),
    Step(lone, Next("split_join")),
    Step(split_join, Next("outer_join"), joins="body"),
    Step(outer_join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="ForeachSplitForeachFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def foreach_split_foreach_flow() -> None:
    """ForeachSplitForeachFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(foreach_split_foreach_flow)
