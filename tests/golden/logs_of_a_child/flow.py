# Compiled by metaflow-prefect-northflank 0.1.0 from logs_of_a_child.py (sha256 88b99205e4f0).
# Do not edit: change the flow and compile it again.
"""LogsOfAChildFlow"""

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
    flow="LogsOfAChildFlow",
    source="logs_of_a_child.py",
    sha256="88b99205e4f09de46098ac6e86e3e8ca1a0432152f34d0ca9d826fd032b8ccbe",
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
    name="LogsOfAChildFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def logs_of_a_child_flow() -> None:
    """LogsOfAChildFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(logs_of_a_child_flow)
