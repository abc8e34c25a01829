# Compiled by metaflow-prefect-northflank 0.1.0 from recursive_in_split.py (sha256 6a7291531e3e).
# Do not edit: change the flow and compile it again.
"""RecursiveInSplitFlow"""

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
    flow="RecursiveInSplitFlow",
    source="recursive_in_split.py",
    sha256="6a7291531e3efa698c4b327205a8d93c1ff3ac6e9e65b3bdba066cfb712c7d2f",
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


@task(name="leave")
def leave(label: str) -> None:
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
    Step(start, Split("loop", "other")),
    Step(loop, Switch({"yes": "loop", "no": "leave"}, on="again")),
    Step(leave, Next("join")),
    Step(other, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="RecursiveInSplitFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def recursive_in_split_flow() -> None:
    """RecursiveInSplitFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(recursive_in_split_flow)
