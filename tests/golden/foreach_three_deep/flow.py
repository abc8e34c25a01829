# Compiled by metaflow-prefect-northflank 0.1.0 from foreach_three_deep.py (sha256 592cebfc4610).
# Do not edit: change the flow and compile it again.
"""ForeachThreeDeepFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Foreach,
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
    flow="ForeachThreeDeepFlow",
    source="foreach_three_deep.py",
    sha256="592cebfc461063bcfe9a7770644a12333c54b0140f83b82b459997c1baf6f408",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="one")
def one(label: str) -> None:
    run_step(label)


@task(name="two")
def two(label: str) -> None:
    run_step(label)


@task(name="three")
def three(label: str) -> None:
    run_step(label)


@task(name="join3")
def join3(label: str) -> None:
    run_step(label)


@task(name="join2")
def join2(label: str) -> None:
    run_step(label)


@task(name="join1")
def join1(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Foreach("one", over="xs")),
    Step(one, Foreach("two", over="ys")),
    Step(two, Foreach("three", over="zs")),
    Step(three, Next("join3")),
    Step(join3, Next("join2"), joins="two"),
    Step(join2, Next("join1"), joins="one"),
    Step(join1, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="ForeachThreeDeepFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def foreach_three_deep_flow() -> None:
    """ForeachThreeDeepFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(foreach_three_deep_flow)
