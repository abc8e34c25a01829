# Compiled by metaflow-prefect-northflank 0.1.0 from file_beside_the_flow.py (sha256 ef316482e348).
# Do not edit: change the flow and compile it again.
"""FileBesideTheFlowFlow"""

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
    flow="FileBesideTheFlowFlow",
    source="file_beside_the_flow.py",
    sha256="ef316482e348a16bc610b913c5ff4ef61a088320ba022ae458eb7bfc2a24be8a",
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
    name="FileBesideTheFlowFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def file_beside_the_flow_flow() -> None:
    """FileBesideTheFlowFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(file_beside_the_flow_flow)
