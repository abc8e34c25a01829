# Compiled by metaflow-prefect-northflank 0.1.0 from card.py (sha256 634ed32764d1).
# Do not edit: change the flow and compile it again.
"""CardFlow"""

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
    flow="CardFlow",
    source="card.py",
    sha256="634ed32764d1c7ece9919353eec4b79cea3353707f4058c682dc5bdf4cdfd00b",
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
    name="CardFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def card_flow() -> None:
    """CardFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(card_flow)
