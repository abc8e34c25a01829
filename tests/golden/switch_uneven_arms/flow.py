# Compiled by metaflow-prefect-northflank 0.1.0 from switch_uneven_arms.py (sha256 effecec51543).
# Do not edit: change the flow and compile it again.
"""SwitchUnevenArmsFlow"""

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
    flow="SwitchUnevenArmsFlow",
    source="switch_uneven_arms.py",
    sha256="effecec51543de0dda0016163ff82ac9cb2f534ca2636e86b9e94e28b40824a0",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="l1")
def l1(label: str) -> None:
    run_step(label)


@task(name="l2")
def l2(label: str) -> None:
    run_step(label)


@task(name="l3")
def l3(label: str) -> None:
    run_step(label)


@task(name="s1")
def s1(label: str) -> None:
    run_step(label)


@task(name="meet")
def meet(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Switch({"yes": "l1", "no": "s1"}, on="long")),
    Step(l1, Next("l2")),
    Step(l2, Next("l3")),
    Step(l3, Next("meet")),
    Step(s1, Next("meet")),
    Step(meet, Next("end")),
    Step(end, End()),
)


@flow(
    name="SwitchUnevenArmsFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def switch_uneven_arms_flow() -> None:
    """SwitchUnevenArmsFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(switch_uneven_arms_flow)
