# Compiled by metaflow-prefect-northflank 0.1.0 from join_input_order.py (sha256 6be579dae0c1).
# Do not edit: change the flow and compile it again.
"""JoinInputOrderFlow"""

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
    flow="JoinInputOrderFlow",
    source="join_input_order.py",
    sha256="6be579dae0c1ab81e7beeeb410748fa8f66df0e02031be1c5493c089a8c1af76",
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
    name="JoinInputOrderFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def join_input_order_flow() -> None:
    """JoinInputOrderFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(join_input_order_flow)
