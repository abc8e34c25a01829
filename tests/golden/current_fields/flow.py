# Compiled by metaflow-prefect-northflank 0.1.0 from current_fields.py (sha256 b577c3f381c9).
# Do not edit: change the flow and compile it again.
"""CurrentFieldsFlow"""

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
    flow="CurrentFieldsFlow",
    source="current_fields.py",
    sha256="b577c3f381c96956261dd46def515832b93fe013d38bb3de37e42c0f15e726d4",
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
    name="CurrentFieldsFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def current_fields_flow() -> None:
    """CurrentFieldsFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(current_fields_flow)
