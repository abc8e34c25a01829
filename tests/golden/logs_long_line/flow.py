# Compiled by metaflow-prefect-northflank 0.1.0 from logs_long_line.py (sha256 9a3d01875e05).
# Do not edit: change the flow and compile it again.
"""LogsLongLineFlow"""

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
    flow="LogsLongLineFlow",
    source="logs_long_line.py",
    sha256="9a3d01875e05d89354b801b955d89b0e496fc7a56bdafa49f737eb552cdf2480",
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
    name="LogsLongLineFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def logs_long_line_flow() -> None:
    """LogsLongLineFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(logs_long_line_flow)
