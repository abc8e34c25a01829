# Compiled by metaflow-prefect-northflank 0.1.0 from switch_in_foreach.py (sha256 51a3720123bd).
# Do not edit: change the flow and compile it again.
"""SwitchInForeachFlow"""

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
    flow="SwitchInForeachFlow",
    source="switch_in_foreach.py",
    sha256="51a3720123bddfb9e5cf35d8134b95a65224f60cc0f4ad2e7378e04f154107a4",
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


@task(name="odd")
def odd(label: str) -> None:
    run_step(label)


@task(name="even")
def even(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Foreach("choose", over="items")),
    Step(choose, Switch({"odd": "odd", "even": "even"}, on="parity")),
    Step(odd, Next("join")),
    Step(even, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="SwitchInForeachFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def switch_in_foreach_flow() -> None:
    """SwitchInForeachFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(switch_in_foreach_flow)
