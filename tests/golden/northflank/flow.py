# Compiled by metaflow-prefect-northflank 0.1.0 from northflank.py (sha256 3fb968cf6686).
# Do not edit: change the flow and compile it again.
"""NorthflankFlow"""

from typing import Any

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    Container,
    End,
    Foreach,
    Next,
    Program,
    Step,
    check_api,
    execute,
    execute_slice,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="NorthflankFlow",
    source="northflank.py",
    sha256="3fb968cf668611d8071826113412db64e621a1212b97b94b3274a5c52395d4ce",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(
    name="train",
    retries=1,
    tags=["gpu=0", "memory=800"],
)
def train(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Foreach("train", over="items")),
    Step(train, Next("join"), container=Container(tasks=2, at_once=2, limit=3)),
    Step(join, Next("end"), joins="start", container=Container()),
    Step(end, End()),
)


@flow(
    name="NorthflankFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def northflank_flow() -> None:
    """NorthflankFlow"""
    execute(PROGRAM, STEPS, {})


@flow(
    name="NorthflankFlow.steps",
    task_runner=ThreadPoolTaskRunner(max_workers=2),
)
def northflank_flow_steps(tasks: dict[str, Any]) -> None:
    """NorthflankFlow: execute tasks of a step in a container of their own."""
    execute_slice(PROGRAM, STEPS, tasks)


if __name__ == "__main__":
    main(northflank_flow)
