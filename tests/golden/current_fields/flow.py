# Compiled by metaflow-prefect-northflank 0.1.0 from current_fields.py (sha256 715be384b3db).
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
    sha256="715be384b3db2299edc43cd22d36a9a3c730ceb9dcac04b2b3ccc6d745119996",
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
