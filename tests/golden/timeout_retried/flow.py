# Compiled by metaflow-prefect-northflank 0.1.0 from timeout_retried.py (sha256 b9b1d7dd700c).
# Do not edit: change the flow and compile it again.
"""TimeoutRetriedFlow"""

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
    flow="TimeoutRetriedFlow",
    source="timeout_retried.py",
    sha256="b9b1d7dd700c5d2563fe305acdb0d347cecd97526598858cf7e394282c35dfd7",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(
    name="start",
    retries=1,
    timeout_seconds=3,
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
    name="TimeoutRetriedFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def timeout_retried_flow() -> None:
    """TimeoutRetriedFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(timeout_retried_flow)
