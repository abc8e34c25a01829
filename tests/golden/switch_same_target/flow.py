# Compiled by metaflow-prefect-northflank 0.1.0 from switch_same_target.py (sha256 74e0ac04f5c5).
# Do not edit: change the flow and compile it again.
"""SwitchSameTargetFlow"""

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
    flow="SwitchSameTargetFlow",
    source="switch_same_target.py",
    sha256="74e0ac04f5c5979e976e954ff4bca21877d1949a14bb8f7d35c095d0b3b40fa0",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="low")
def low(label: str) -> None:
    run_step(label)


@task(name="high")
def high(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Switch({"one": "low", "two": "low", "three": "high"}, on="k")),
    Step(low, Next("end")),
    Step(high, Next("end")),
    Step(end, End()),
)


@flow(
    name="SwitchSameTargetFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def switch_same_target_flow() -> None:
    """SwitchSameTargetFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(switch_same_target_flow)
