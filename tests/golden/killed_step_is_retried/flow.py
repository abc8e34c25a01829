# Compiled by metaflow-prefect-northflank 0.1.0 from killed_step_is_retried.py (sha256 d66fd35e4d1c).
# Do not edit: change the flow and compile it again.
"""KilledStepIsRetriedFlow"""

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
    flow="KilledStepIsRetriedFlow",
    source="killed_step_is_retried.py",
    sha256="d66fd35e4d1c05d11c927f5e3d6b5537d9aa48c9d8b1ace0328b0fa4a520d941",
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
    name="KilledStepIsRetriedFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def killed_step_is_retried_flow() -> None:
    """KilledStepIsRetriedFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(killed_step_is_retried_flow)
