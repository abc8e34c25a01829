# Compiled by metaflow-prefect-northflank 0.1.0 from nested_switch.py (sha256 17151ca4fbcb).
# Do not edit: change the flow and compile it again.
"""NestedSwitchFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Program,
    Step,
    Switch,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="NestedSwitchFlow",
    source="nested_switch.py",
    sha256="17151ca4fbcb1a3569ea420890166fa5df81486b095731410f48d1ff5e655ddd",
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


@task(name="x")
def x(label: str) -> None:
    run_step(label)


@task(name="y")
def y(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Switch({"a": "a", "b": "b"}, on="one")),
    Step(a, Next("end")),
    Step(b, Switch({"x": "x", "y": "y"}, on="two")),
    Step(x, Next("end")),
    Step(y, Next("end")),
    Step(end, End()),
)


@flow(
    name="NestedSwitchFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def nested_switch_flow() -> None:
    """NestedSwitchFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(nested_switch_flow)
