# Compiled by metaflow-prefect-northflank 0.1.0 from switch_falls_through.py (sha256 42f9b188e9d1).
# Do not edit: change the flow and compile it again.
"""SwitchFallsThroughFlow"""

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
    flow="SwitchFallsThroughFlow",
    source="switch_falls_through.py",
    sha256="42f9b188e9d17a955ce38eea1a7a6894f916bc38904483343296b76f2273be24",
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


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Switch({"a": "a", "b": "b"}, on="way")),
    Step(a, Next("b")),
    Step(b, Next("end")),
    Step(end, End()),
)


@flow(
    name="SwitchFallsThroughFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def switch_falls_through_flow() -> None:
    """SwitchFallsThroughFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(switch_falls_through_flow)
