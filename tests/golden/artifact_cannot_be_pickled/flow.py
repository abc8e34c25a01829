# Compiled by metaflow-prefect-northflank 0.1.0 from artifact_cannot_be_pickled.py (sha256 88f83c77c457).
# Do not edit: change the flow and compile it again.
"""ArtifactCannotBePickledFlow"""

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
    flow="ArtifactCannotBePickledFlow",
    source="artifact_cannot_be_pickled.py",
    sha256="88f83c77c457c7bdb2c8d847fad8993a9122b43f111c880bcd1ff02e7b4ede15",
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
    name="ArtifactCannotBePickledFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def artifact_cannot_be_pickled_flow() -> None:
    """ArtifactCannotBePickledFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(artifact_cannot_be_pickled_flow)
