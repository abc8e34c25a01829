# Compiled by metaflow-prefect-northflank 0.1.0 from retry_exhausted.py (sha256 9d24e5df5cab).
# Do not edit: change the flow and compile it again.
"""RetryExhaustedFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
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
    flow="RetryExhaustedFlow",
    source="retry_exhausted.py",
    sha256="9d24e5df5cab898aaf5463013afbdee0f81c57a8a6c4ce188ffc269f350de011",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(
    name="start",
    retries=1,
)
def start(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Next("end")),
    Step(end, End()),
)


@flow(
    name="RetryExhaustedFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def retry_exhausted_flow() -> None:
    """RetryExhaustedFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(retry_exhausted_flow)
