# Compiled by metaflow-prefect-northflank 0.1.0 from foreach_in_switch.py (sha256 e2290e1336b2).
# Do not edit: change the flow and compile it again.
"""ForeachInSwitchFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Foreach,
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
    flow="ForeachInSwitchFlow",
    source="foreach_in_switch.py",
    sha256="e2290e1336b2a6b1e4107da19fb6aa8712b39c887fbf9ddbbc271a0c89595c4a",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="fan")
def fan(label: str) -> None:
    run_step(label)


@task(name="work")
def work(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="skip")
def skip(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Switch({"yes": "fan", "no": "skip"}, on="wide")),
    Step(fan, Foreach("work", over="items")),
    Step(work, Next("join")),
    Step(join, Next("end"), joins="fan"),
    Step(skip, Next("end")),
    Step(end, End()),
)


@flow(
    name="ForeachInSwitchFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def foreach_in_switch_flow() -> None:
    """ForeachInSwitchFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(foreach_in_switch_flow)
