# Compiled by metaflow-prefect-northflank 0.1.0 from project.py (sha256 41e18b01951d).
# Do not edit: change the flow and compile it again.
"""ProjectFlow"""

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
    flow="ProjectFlow",
    project_flow="tests.user.tester.ProjectFlow",
    source="project.py",
    sha256="41e18b01951d89474d9ac17ffd9ddf0d4c57b6fe8aa1154c70d7cdb7bb1806c6",
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
    name="ProjectFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def project_flow() -> None:
    """ProjectFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(project_flow)
