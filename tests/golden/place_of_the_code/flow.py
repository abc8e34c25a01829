# Compiled by metaflow-prefect-northflank 0.1.0 from place_of_the_code.py (sha256 6be535a03e1c).
# Do not edit: change the flow and compile it again.
"""PlaceOfTheCodeFlow"""

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
    flow="PlaceOfTheCodeFlow",
    source="place_of_the_code.py",
    sha256="6be535a03e1cab3b6903ce494c9a6bb76425242fb40ae5afbfd9494df80333a0",
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
    name="PlaceOfTheCodeFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def place_of_the_code_flow() -> None:
    """PlaceOfTheCodeFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(place_of_the_code_flow)
