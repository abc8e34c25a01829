# Compiled by metaflow-prefect-northflank 0.1.0 from project_production.py (sha256 009d00f86c44).
# Do not edit: change the flow and compile it again.
"""ProjectProductionFlow"""

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
    flow="ProjectProductionFlow",
    project_flow="tests.user.tester.ProjectProductionFlow",
    source="project_production.py",
    sha256="009d00f86c44203193776f93700d120e7011944645aed21587d552923bb01282",
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
    name="ProjectProductionFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def project_production_flow() -> None:
    """ProjectProductionFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(project_production_flow)
