# Compiled by metaflow-prefect-northflank 0.1.0 from switch_before_join.py (sha256 ea68228ed3b7).
# Do not edit: change the flow and compile it again.
"""SwitchBeforeJoinFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Program,
    Split,
    Step,
    Switch,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="SwitchBeforeJoinFlow",
    source="switch_before_join.py",
    sha256="ea68228ed3b7271e5f57904e5cf3d05ce7412b21d3ed02d16d0ce39d108f6c3c",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="choose")
def choose(label: str) -> None:
    run_step(label)


@task(name="p")
def p(label: str) -> None:
    run_step(label)


@task(name="q")
def q(label: str) -> None:
    run_step(label)


@task(name="other")
def other(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Split("choose", "other")),
    Step(choose, Switch({"p": "p", "q": "q"}, on="c")),
    Step(p, Next("join")),
    Step(q, Next("join")),
    Step(other, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="SwitchBeforeJoinFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def switch_before_join_flow() -> None:
    """SwitchBeforeJoinFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(switch_before_join_flow)
