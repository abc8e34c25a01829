# Compiled by metaflow-prefect-northflank 0.1.0 from retry_in_join.py (sha256 68abf1af25a9).
# Do not edit: change the flow and compile it again.
"""RetryInJoinFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
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
    flow="RetryInJoinFlow",
    source="retry_in_join.py",
    sha256="68abf1af25a9989e9ed46881addbe73cbae5388d13a09063900c3bbba373f3a2",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="a")
def a(label: str) -> None:
    run_step(label)


@task(name="b")
def b(label: str) -> None:
    run_step(label)


@task(
    name="join",
    retries=1,
)
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Split("a", "b")),
    Step(a, Next("join")),
    Step(b, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="RetryInJoinFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def retry_in_join_flow() -> None:
    """RetryInJoinFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(retry_in_join_flow)
