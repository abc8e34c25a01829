# Compiled by metaflow-prefect-northflank 0.1.0 from card_default.py (sha256 8d78775305b6).
# Do not edit: change the flow and compile it again.
"""CardDefaultFlow"""

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
    flow="CardDefaultFlow",
    source="card_default.py",
    sha256="8d78775305b6c524a614932318fe10c719ca625a9915635aee1e38b6dbe87502",
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
    name="CardDefaultFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def card_default_flow() -> None:
    """CardDefaultFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(card_default_flow)
