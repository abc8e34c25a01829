# Compiled by metaflow-prefect-northflank 0.1.0 from single_step.py (sha256 8e94f8177936).
# Do not edit: change the flow and compile it again.
"""SingleStepFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Program,
    Step,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="SingleStepFlow",
    source="single_step.py",
    sha256="8e94f81779366eef0233cfc065df534c0ee20ac599016859605a70f15eb0f1f8",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="only")
def only(label: str) -> None:
    run_step(label)


STEPS = (
    Step(only, End()),
)


@flow(
    name="SingleStepFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def single_step_flow() -> None:
    """SingleStepFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(single_step_flow)
