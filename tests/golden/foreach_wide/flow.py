# Compiled by metaflow-prefect-northflank 0.1.0 from foreach_wide.py (sha256 ea81ffdff5a5).
# Do not edit: change the flow and compile it again.
"""ForeachWideFlow"""

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
    flow="ForeachWideFlow",
    source="foreach_wide.py",
    sha256="ea81ffdff5a5062adb54404f457d87b62e36d8a5ea5e26de23b53cafc8772d9d",
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
    name="ForeachWideFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def foreach_wide_flow() -> None:
    """ForeachWideFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(foreach_wide_flow)
