# Compiled by metaflow-prefect-northflank 0.1.0 from nested_split.py (sha256 d871b0ae36d0).
# Do not edit: change the flow and compile it again.
"""NestedSplitFlow"""

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
    flow="NestedSplitFlow",
    source="nested_split.py",
    sha256="d871b0ae36d064f67dc1bca0ff5a808e28149a60dc136b9eec921403b92629f9",
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


@task(name="a1")
def a1(label: str) -> None:
    run_step(label)


@task(name="a2")
def a2(label: str) -> None:
    run_step(label)


@task(name="a_join")
def a_join(label: str) -> None:
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
    Step(a, Split("a1", "a2")),
    Step(a1, Next("a_join")),
    Step(a2, Next("a_join")),
    Step(a_join, Next("join"), joins="a"),
    Step(b, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="NestedSplitFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def nested_split_flow() -> None:
    """NestedSplitFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(nested_split_flow)
