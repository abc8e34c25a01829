# Compiled by metaflow-prefect-northflank 0.1.0 from no_next_call.py (sha256 d37d86119922).
# Do not edit: change the flow and compile it again.
"""NoNextCallFlow"""

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
    flow="NoNextCallFlow",
    source="no_next_call.py",
    sha256="d37d861199223571b9eb5f2d1fe6360cd1112e12019b62fcab952c5cb77bacf7",
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
    name="NoNextCallFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def no_next_call_flow() -> None:
    """NoNextCallFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(no_next_call_flow)
