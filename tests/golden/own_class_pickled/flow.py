# Compiled by metaflow-prefect-northflank 0.1.0 from own_class_pickled.py (sha256 5ae55a43935d).
# Do not edit: change the flow and compile it again.
"""OwnClassPickledFlow"""

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
    flow="OwnClassPickledFlow",
    source="own_class_pickled.py",
    sha256="5ae55a43935d07768dfa66f1156e9f63a0eb4c0da9137be2c4312fd93b702034",
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
    name="OwnClassPickledFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def own_class_pickled_flow() -> None:
    """OwnClassPickledFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(own_class_pickled_flow)
