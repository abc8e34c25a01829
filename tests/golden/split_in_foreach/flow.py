# Compiled by metaflow-prefect-northflank 0.1.0 from split_in_foreach.py (sha256 288488165397).
# Do not edit: change the flow and compile it again.
"""SplitInForeachFlow"""

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
    flow="SplitInForeachFlow",
    source="split_in_foreach.py",
    sha256="288488165397a9bc56f842f2fc77c28de88f097fac28b7c958ec85fb33fdcae5",
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


@task(name="plus")
def plus(label: str) -> None:
    run_step(label)


@task(name="times")
def times(label: str) -> None:
    run_step(label)


@task(name="inner")
def inner(label: str) -> None:
    run_step(label)


@task(name="outer")
def outer(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Foreach("body", over="items")),
    Step(body, Split("plus", "times")),
    Step(plus, Next("inner")),
    Step(times, Next("inner")),
    Step(inner, Next("outer"), joins="body"),
    Step(outer, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="SplitInForeachFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def split_in_foreach_flow() -> None:
    """SplitInForeachFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(split_in_foreach_flow)
