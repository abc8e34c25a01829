# Compiled by metaflow-prefect-northflank 0.1.0 from run_id_at_import.py (sha256 32382e039a6e).
# Do not edit: change the flow and compile it again.
"""RunIdAtImportFlow"""

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
    flow="RunIdAtImportFlow",
    source="run_id_at_import.py",
    sha256="32382e039a6ef729960f48719497a413a26c77e96b7586d88aac50d6a7e0aaa4",
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
    name="RunIdAtImportFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def run_id_at_import_flow() -> None:
    """RunIdAtImportFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(run_id_at_import_flow)
