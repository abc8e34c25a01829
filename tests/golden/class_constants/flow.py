# Compiled by metaflow-prefect-northflank 0.1.0 from class_constants.py (sha256 9c3dc68200db).
# Do not edit: change the flow and compile it again.
"""ClassConstantsFlow"""

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
    flow="ClassConstantsFlow",
    source="class_constants.py",
    sha256="9c3dc68200db6316e5b048960e574891dbf07f4d3d05fc8d2da5dcabc2f1a8f7",
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
    name="ClassConstantsFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def class_constants_flow() -> None:
    """ClassConstantsFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(class_constants_flow)
