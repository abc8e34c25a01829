# Compiled by metaflow-prefect-northflank 0.1.0 from sibling_fails.py (sha256 4fd19e4ec84f).
# Do not edit: change the flow and compile it again.
"""SiblingFailsFlow"""

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
    flow="SiblingFailsFlow",
    source="sibling_fails.py",
    sha256="4fd19e4ec84f3d3408958c112a6f8f68306976e4848471a1690dbce819d3e640",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="work")
def work(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Foreach("work", over="items")),
    Step(work, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="SiblingFailsFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def sibling_fails_flow() -> None:
    """SiblingFailsFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(sibling_fails_flow)
