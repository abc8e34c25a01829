# Compiled by metaflow-prefect-northflank 0.1.0 from catch_with_retry.py (sha256 7713912144fc).
# Do not edit: change the flow and compile it again.
"""CatchWithRetryFlow"""

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
    flow="CatchWithRetryFlow",
    source="catch_with_retry.py",
    sha256="7713912144fcd0b74f45727bd95eb4a244821e6a7ed2fcac9c77d50bdbcce151",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(
    name="start",
    retries=4,
)
def start(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Next("end"), error_retries=3),
    Step(end, End()),
)


@flow(
    name="CatchWithRetryFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def catch_with_retry_flow() -> None:
    """CatchWithRetryFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(catch_with_retry_flow)
