# Compiled by metaflow-prefect-northflank 0.1.0 from retry_in_foreach.py (sha256 730f2bb008d2).
# Do not edit: change the flow and compile it again.
"""RetryInForeachFlow"""

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
    flow="RetryInForeachFlow",
    source="retry_in_foreach.py",
    sha256="730f2bb008d296ccafcb4b652724df6efd97b8c3115a630fb2cbb614691836d5",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(
    name="work",
    retries=2,
)
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
    name="RetryInForeachFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def retry_in_foreach_flow() -> None:
    """RetryInForeachFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(retry_in_foreach_flow)
