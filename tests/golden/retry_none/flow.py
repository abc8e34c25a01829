# Compiled by metaflow-prefect-northflank 0.1.0 from retry_none.py (sha256 4ac76333c5da).
# Do not edit: change the flow and compile it again.
"""RetryNoneFlow"""

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
    flow="RetryNoneFlow",
    source="retry_none.py",
    sha256="4ac76333c5daa784de689b727301ab2c01a304b206774785da0f6cc905dc501a",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
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
    name="RetryNoneFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def retry_none_flow() -> None:
    """RetryNoneFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(retry_none_flow)
