# Compiled by metaflow-prefect-northflank 0.1.0 from merge_artifacts_include.py (sha256 24c159c20531).
# Do not edit: change the flow and compile it again.
"""MergeArtifactsIncludeFlow"""

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
    flow="MergeArtifactsIncludeFlow",
    source="merge_artifacts_include.py",
    sha256="24c159c20531825fe8ab7c1e0e624957feca5009e688344e1ec0965161409883",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="a")
def a(label: str) -> None:
    run_step(label)


@task(name="b")
def b(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Split("a", "b")),
    Step(a, Next("join")),
    Step(b, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="MergeArtifactsIncludeFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def merge_artifacts_include_flow() -> None:
    """MergeArtifactsIncludeFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(merge_artifacts_include_flow)
