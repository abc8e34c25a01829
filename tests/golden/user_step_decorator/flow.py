# Compiled by metaflow-prefect-northflank 0.1.0 from user_step_decorator.py (sha256 9d1650e61941).
# Do not edit: change the flow and compile it again.
"""UserStepDecoratorFlow"""

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
    flow="UserStepDecoratorFlow",
    source="user_step_decorator.py",
    sha256="9d1650e61941cde1fadd39f7074b370bb092442e8db826b5dedb2c566a9399c6",
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
    name="UserStepDecoratorFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def user_step_decorator_flow() -> None:
    """UserStepDecoratorFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(user_step_decorator_flow)
