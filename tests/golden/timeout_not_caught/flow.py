# Compiled by metaflow-prefect-northflank 0.1.0 from timeout_not_caught.py (sha256 793d68faf4d7).
# Do not edit: change the flow and compile it again.
"""TimeoutNotCaughtFlow"""

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
    flow="TimeoutNotCaughtFlow",
    source="timeout_not_caught.py",
    sha256="793d68faf4d7fd30ddc1658d7d1a4797b067051a8e62ec3ed898e00a278af8b8",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(
    name="start",
    timeout_seconds=1,
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
    name="TimeoutNotCaughtFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def timeout_not_caught_flow() -> None:
    """TimeoutNotCaughtFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(timeout_not_caught_flow)
