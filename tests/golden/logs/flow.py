# Compiled by metaflow-prefect-northflank 0.1.0 from logs.py (sha256 e7b0f131c7f0).
# Do not edit: change the flow and compile it again.
"""LogsFlow"""

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
    flow="LogsFlow",
    source="logs.py",
    sha256="e7b0f131c7f0d04f1152b7a7c0f6bf6334ee009a96ce6bbec6ce670de88566a9",
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
    name="LogsFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def logs_flow() -> None:
    """LogsFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(logs_flow)
