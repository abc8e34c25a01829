# Compiled by metaflow-prefect-northflank 0.1.0 from catch_not_needed.py (sha256 67b55013af36).
# Do not edit: change the flow and compile it again.
"""CatchNotNeededFlow"""

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
    flow="CatchNotNeededFlow",
    source="catch_not_needed.py",
    sha256="67b55013af363734edd8e55749ebecdbf3f2dc980fe8d5e8f38d01aef9f02f55",
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
    name="CatchNotNeededFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def catch_not_needed_flow() -> None:
    """CatchNotNeededFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(catch_not_needed_flow)
