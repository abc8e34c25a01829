# Compiled by metaflow-prefect-northflank 0.1.0 from merge_artifacts_conflict.py (sha256 c22acae25434).
# Do not edit: change the flow and compile it again.
"""MergeArtifactsConflictFlow"""

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
    flow="MergeArtifactsConflictFlow",
    source="merge_artifacts_conflict.py",
    sha256="c22acae25434485016656c03e2b773b028621038008af878147140d7f6a48f2c",
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
    name="MergeArtifactsConflictFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def merge_artifacts_conflict_flow() -> None:
    """MergeArtifactsConflictFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(merge_artifacts_conflict_flow)
