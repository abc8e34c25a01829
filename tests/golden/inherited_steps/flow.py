# Compiled by metaflow-prefect-northflank 0.1.0 from inherited_steps.py (sha256 8b5235ec778c).
# Do not edit: change the flow and compile it again.
"""InheritedStepsFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Parameter,
    Program,
    Step,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="InheritedStepsFlow",
    source="inherited_steps.py",
    sha256="8b5235ec778c1e3ac5919674bb164e9b37d07497fd6f250fb42f2462df744e67",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "word",
        str,
        default="inherited",
    ),
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


@task(name="middle")
def middle(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Next("middle")),
    Step(end, End()),
    Step(middle, Next("end")),
)


@flow(
    name="InheritedStepsFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def inherited_steps_flow(
    word: str = "inherited",
) -> None:
    """InheritedStepsFlow"""
    execute(PROGRAM, STEPS, {"word": word})


if __name__ == "__main__":
    main(inherited_steps_flow, PARAMETERS)
