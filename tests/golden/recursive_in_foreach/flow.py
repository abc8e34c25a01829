# Compiled by metaflow-prefect-northflank 0.1.0 from recursive_in_foreach.py (sha256 5c556b6dc115).
# Do not edit: change the flow and compile it again.
"""RecursiveInForeachFlow"""

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
    flow="RecursiveInForeachFlow",
    source="recursive_in_foreach.py",
    sha256="5c556b6dc11540649480594abc329c58540559fd42d93720829ab345eeacaf75",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="init")
def init(label: str) -> None:
    run_step(label)


@task(name="loop")
def loop(label: str) -> None:
    run_step(label)


@task(name="leave")
def leave(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Foreach("init", over="items")),
    Step(init, Next("loop")),
    Step(loop, Switch({"more": "loop", "done": "leave"}, on="again")),
    Step(leave, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="RecursiveInForeachFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def recursive_in_foreach_flow() -> None:
    """RecursiveInForeachFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(recursive_in_foreach_flow)
