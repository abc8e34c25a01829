# Compiled by metaflow-prefect-northflank 0.1.0 from killed_at_three_moments.py (sha256 6d2aad51269c).
# Do not edit: change the flow and compile it again.
"""KilledAtThreeMomentsFlow"""

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
    flow="KilledAtThreeMomentsFlow",
    source="killed_at_three_moments.py",
    sha256="6d2aad51269c9a95257a4bdf01c71abf67a007e697ed6364100209da0b7dd898",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(
    name="start",
    retries=1,
)
def start(label: str) -> None:
    run_step(label)


@task(
    name="storing",
    retries=1,
)
def storing(label: str) -> None:
    run_step(label)


@task(
    name="end",
    retries=2,
)
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Next("storing")),
    Step(storing, Next("end")),
    Step(end, End()),
)


@flow(
    name="KilledAtThreeMomentsFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def killed_at_three_moments_flow() -> None:
    """KilledAtThreeMomentsFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(killed_at_three_moments_flow)
