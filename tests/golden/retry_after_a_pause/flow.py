# Compiled by metaflow-prefect-northflank 0.1.0 from retry_after_a_pause.py (sha256 4fb7a96a3cd7).
# Do not edit: change the flow and compile it again.
"""RetryAfterAPauseFlow"""

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
    flow="RetryAfterAPauseFlow",
    source="retry_after_a_pause.py",
    sha256="4fb7a96a3cd75cb617378fdb96960e388cc80d6ec4b4fa41a0d33bce76f09f4a",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(
    name="start",
    retries=1,
    retry_delay_seconds=600,
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
    name="RetryAfterAPauseFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def retry_after_a_pause_flow() -> None:
    """RetryAfterAPauseFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(retry_after_a_pause_flow)
