# Compiled by metaflow-prefect-northflank 0.1.0 from timeout_caught.py (sha256 f5d162898a40).
# Do not edit: change the flow and compile it again.
"""TimeoutCaughtFlow"""

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
    flow="TimeoutCaughtFlow",
    source="timeout_caught.py",
    sha256="f5d162898a40b65251788483b8cf9f7493ba74dc654e367b9b6f8521807cc831",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(
    name="start",
    retries=3,
    timeout_seconds=1,
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
    name="TimeoutCaughtFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def timeout_caught_flow() -> None:
    """TimeoutCaughtFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(timeout_caught_flow)
