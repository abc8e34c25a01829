# Compiled by metaflow-prefect-northflank 0.1.0 from resources_and_schedule.py (sha256 f83ee36b50cc).
# Do not edit: change the flow and compile it again.
"""ResourcesAndScheduleFlow"""

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
    flow="ResourcesAndScheduleFlow",
    source="resources_and_schedule.py",
    sha256="f83ee36b50cc21056122d930bfee75729d2f0e4a989daa90dd2f2adc18638939",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(
    name="start",
    tags=["cpu=2", "memory=8000"],
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
    name="ResourcesAndScheduleFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def resources_and_schedule_flow() -> None:
    """ResourcesAndScheduleFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(resources_and_schedule_flow)
