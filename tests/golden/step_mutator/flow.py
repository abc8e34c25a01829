# Compiled by metaflow-prefect-northflank 0.1.0 from step_mutator.py (sha256 e8d02ad6b1af).
# Do not edit: change the flow and compile it again.
"""StepMutatorFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Program,
    Step,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="StepMutatorFlow",
    source="step_mutator.py",
    sha256="e8d02ad6b1af58f02363bd8154d556b76243787c50474c4c28a39ec8f88fdaf1",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(
    name="start",
    retries=2,
)
def start(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Next("end")),
    Step(end, End()),
)


@flow(
    name="StepMutatorFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def step_mutator_flow() -> None:
    """StepMutatorFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(step_mutator_flow)
