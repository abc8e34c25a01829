# Compiled by metaflow-prefect-northflank 0.1.0 from recursive_switch.py (sha256 91169e89c15f).
# Do not edit: change the flow and compile it again.
"""RecursiveSwitchFlow"""

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
    flow="RecursiveSwitchFlow",
    source="recursive_switch.py",
    sha256="91169e89c15f71084933534032dca80bf7ba6d65aea2017d24faa6d989ad1de6",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="loop")
def loop(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Next("loop")),
    Step(loop, Switch({"more": "loop", "done": "end"}, on="again")),
    Step(end, End()),
)


@flow(
    name="RecursiveSwitchFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def recursive_switch_flow() -> None:
    """RecursiveSwitchFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(recursive_switch_flow)
