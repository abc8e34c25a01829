# Compiled by metaflow-prefect-northflank 0.1.0 from foreach_empty.py (sha256 e385b61b65eb).
# Do not edit: change the flow and compile it again.
"""ForeachEmptyFlow"""

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
    flow="ForeachEmptyFlow",
    source="foreach_empty.py",
    sha256="e385b61b65eb6d8f8d3f34b027df36afbc2350ffecc46b671a1fda7fbe51c8db",
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
    name="ForeachEmptyFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def foreach_empty_flow() -> None:
    """ForeachEmptyFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(foreach_empty_flow)
