# Compiled by metaflow-prefect-northflank 0.1.0 from sweep_flow.py (sha256 a1ef17468319).
# Do not edit: change the flow and compile it again.
"""SweepFlow: Find the learning rate with which gradient descent comes closest to the minimum of (x - 3)²."""

from typing import Any

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    Container,
    End,
    Foreach,
    Next,
    Parameter,
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
    flow="SweepFlow",
    source="sweep_flow.py",
    sha256="a1ef174683192863d231cb23a6b66abc735c2664fd6b711d7e31c3f9f4333aa2",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "rounds",
        int,
        default=20,
        help="Steps of gradient descent for each model.",
    ),
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="train")
def train(label: str) -> None:
    run_step(label)


@task(name="compare")
def compare(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Foreach("train", over="rates")),
    Step(train, Next("compare"), container=Container(tasks=3)),
    Step(compare, Next("end"), joins="start", container=Container()),
    Step(end, End()),
)


@flow(
    name="SweepFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def sweep_flow(
    rounds: int = 20,
) -> None:
    """SweepFlow: Find the learning rate with which gradient descent comes closest to the minimum of (x - 3)².

    Args:
        rounds: Steps of gradient descent for each model.
    """
    execute(PROGRAM, STEPS, {"rounds": rounds})


@flow(
    name="SweepFlow.steps",
    task_runner=ThreadPoolTaskRunner(max_workers=1),
)
def sweep_flow_steps(tasks: dict[str, Any]) -> None:
    """SweepFlow: execute tasks of a step in a container of their own."""
    execute_slice(PROGRAM, STEPS, tasks)


if __name__ == "__main__":
    main(sweep_flow, PARAMETERS)
