# Compiled by metaflow-prefect-northflank 0.1.0 from foreach_in_split.py (sha256 fff581625da4).
# Do not edit: change the flow and compile it again.
"""ForeachInSplitFlow"""

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
    flow="ForeachInSplitFlow",
    source="foreach_in_split.py",
    sha256="fff581625da48356ca286612dc4ac084577f7327a789cd22f4e7e5dadc41c2b1",
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


@task(name="inner")
def inner(label: str) -> None:
    run_step(label)


@task(name="lone")
def lone(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Split("fan", "lone")),
    Step(fan, Foreach("work", over="items")),
    Step(work, Next("inner")),
    Step(inner, Next("join"), joins="fan"),
    Step(lone, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="ForeachInSplitFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def foreach_in_split_flow() -> None:
    """ForeachInSplitFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(foreach_in_split_flow)
