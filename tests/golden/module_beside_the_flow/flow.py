# Compiled by metaflow-prefect-northflank 0.1.0 from module_beside_the_flow.py (sha256 4976c07bf3f2).
# Do not edit: change the flow and compile it again.
"""ModuleBesideTheFlowFlow"""

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
    flow="ModuleBesideTheFlowFlow",
    source="module_beside_the_flow.py",
    sha256="4976c07bf3f2b1186c0df43adcd0d45dcb45f6b490fe746fcdba73ca0285efdb",
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
    name="ModuleBesideTheFlowFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def module_beside_the_flow_flow() -> None:
    """ModuleBesideTheFlowFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(module_beside_the_flow_flow)
