# Compiled by metaflow-prefect-northflank 0.1.0 from split_many.py (sha256 118b30d42260).
# Do not edit: change the flow and compile it again.
"""SplitManyFlow"""

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
    flow="SplitManyFlow",
    source="split_many.py",
    sha256="118b30d42260d1e80ac328b64fe400f3bd648ebca5c2914b2fa5d1c371b71e97",
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


@task(name="c")
def c(label: str) -> None:
    run_step(label)


@task(name="d")
def d(label: str) -> None:
    run_step(label)


@task(name="e")
def e(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Split("a", "b", "c", "d", "e")),
    Step(a, Next("join")),
    Step(b, Next("join")),
    Step(c, Next("join")),
    Step(d, Next("join")),
    Step(e, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="SplitManyFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def split_many_flow() -> None:
    """SplitManyFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(split_many_flow)
