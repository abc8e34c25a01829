# Compiled by metaflow-prefect-northflank 0.1.0 from recursive_twice.py (sha256 e19df9ee9f96).
# Do not edit: change the flow and compile it again.
"""RecursiveTwiceFlow"""

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
    flow="RecursiveTwiceFlow",
    source="recursive_twice.py",
    sha256="e19df9ee9f9653d9f8125e7169e042bcfd09abf4c8329bc1b30a5c9c8004d167",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="first")
def first(label: str) -> None:
    run_step(label)


@task(name="second")
def second(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Next("first")),
    Step(first, Switch({"True": "first", "False": "second"}, on="go")),
    Step(second, Switch({"True": "second", "False": "end"}, on="go")),
    Step(end, End()),
)


@flow(
    name="RecursiveTwiceFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def recursive_twice_flow() -> None:
    """RecursiveTwiceFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(recursive_twice_flow)
