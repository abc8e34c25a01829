# Compiled by metaflow-prefect-northflank 0.1.0 from merge_artifacts.py (sha256 4dd87e57d085).
# Do not edit: change the flow and compile it again.
"""MergeArtifactsFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Program,
    Split,
    Step,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="MergeArtifactsFlow",
    source="merge_artifacts.py",
    sha256="4dd87e57d085c89b0386c2e3ee52db23f232f74484812112b05e04531c9f9de6",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="left")
def left(label: str) -> None:
    run_step(label)


@task(name="right")
def right(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Split("left", "right")),
    Step(left, Next("join")),
    Step(right, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="MergeArtifactsFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def merge_artifacts_flow() -> None:
    """MergeArtifactsFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(merge_artifacts_flow)
