# Compiled by metaflow-prefect-northflank 0.1.0 from artifacts_overwritten.py (sha256 ed52517d7b70).
# Do not edit: change the flow and compile it again.
"""ArtifactsOverwrittenFlow"""

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
    flow="ArtifactsOverwrittenFlow",
    source="artifacts_overwritten.py",
    sha256="ed52517d7b70f451d80e894f6b684477a44d2291106ec573a9d20322c65105b0",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="middle")
def middle(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Next("middle")),
    Step(middle, Next("end")),
    Step(end, End()),
)


@flow(
    name="ArtifactsOverwrittenFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def artifacts_overwritten_flow() -> None:
    """ArtifactsOverwrittenFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(artifacts_overwritten_flow)
