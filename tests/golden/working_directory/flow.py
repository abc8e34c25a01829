# Compiled by metaflow-prefect-northflank 0.1.0 from working_directory.py (sha256 255a549c6ebe).
# Do not edit: change the flow and compile it again.
"""WorkingDirectoryFlow"""

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
    flow="WorkingDirectoryFlow",
    source="working_directory.py",
    sha256="255a549c6ebebcf0fdafed1130f83233a53bdac62276b4754e7b5f2c35e8c5c6",
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
    name="WorkingDirectoryFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def working_directory_flow() -> None:
    """WorkingDirectoryFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(working_directory_flow)
