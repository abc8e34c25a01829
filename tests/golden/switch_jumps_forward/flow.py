# Compiled by metaflow-prefect-northflank 0.1.0 from switch_jumps_forward.py (sha256 22ce550ed571).
# Do not edit: change the flow and compile it again.
"""SwitchJumpsForwardFlow"""

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
    flow="SwitchJumpsForwardFlow",
    source="switch_jumps_forward.py",
    sha256="22ce550ed57197d1e670ae3ea90135b7a19bf620622c50b53ee809ca1bc0956e",
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
    name="SwitchJumpsForwardFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def switch_jumps_forward_flow() -> None:
    """SwitchJumpsForwardFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(switch_jumps_forward_flow)
