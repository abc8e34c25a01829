# Compiled by metaflow-prefect-northflank 0.1.0 from big_artifacts.py (sha256 27e0a76b417d).
# Do not edit: change the flow and compile it again.
"""BigArtifactsFlow"""

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
    flow="BigArtifactsFlow",
    source="big_artifacts.py",
    sha256="27e0a76b417dcd04bd8351b96c0d5edd7d9ee92ff8fceb1e9e02d5ed3d3b50bf",
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
    name="BigArtifactsFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def big_artifacts_flow() -> None:
    """BigArtifactsFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(big_artifacts_flow)
