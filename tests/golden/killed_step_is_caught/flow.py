# Compiled by metaflow-prefect-northflank 0.1.0 from killed_step_is_caught.py (sha256 4a1b95ad7397).
# Do not edit: change the flow and compile it again.
"""KilledStepIsCaughtFlow"""

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
    flow="KilledStepIsCaughtFlow",
    source="killed_step_is_caught.py",
    sha256="4a1b95ad73976656b01abf19c37426fb0edebbcd826576a9ebefb7c460d8e633",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(
    name="start",
    retries=3,
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
    name="KilledStepIsCaughtFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def killed_step_is_caught_flow() -> None:
    """KilledStepIsCaughtFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(killed_step_is_caught_flow)
