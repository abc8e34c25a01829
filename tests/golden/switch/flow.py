# Compiled by metaflow-prefect-northflank 0.1.0 from switch.py (sha256 375305b44ea7).
# Do not edit: change the flow and compile it again.
"""SwitchFlow"""

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
    flow="SwitchFlow",
    source="switch.py",
    sha256="375305b44ea745ff4756e3700712ab0843f62ac8bb0526317c93eb0b91e0f291",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="fast")
def fast(label: str) -> None:
    run_step(label)


@task(name="slow")
def slow(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Switch({"fast": "fast", "slow": "slow"}, on="mode")),
    Step(fast, Next("end")),
    Step(slow, Next("end")),
    Step(end, End()),
)


@flow(
    name="SwitchFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def switch_flow() -> None:
    """SwitchFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(switch_flow)
