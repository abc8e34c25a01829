# Compiled by metaflow-prefect-northflank 0.1.0 from retry.py (sha256 eada4b7c51ff).
# Do not edit: change the flow and compile it again.
"""RetryFlow"""

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
    flow="RetryFlow",
    source="retry.py",
    sha256="eada4b7c51ffafb1def5df85cd2bf9f5be1d7e7ee853a7bce2f0bb72cb9340a9",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(
    name="start",
    retries=2,
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
    name="RetryFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def retry_flow() -> None:
    """RetryFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(retry_flow)
