# Compiled by metaflow-prefect-northflank 0.1.0 from threads_in_step.py (sha256 9481d82e5d25).
# Do not edit: change the flow and compile it again.
"""ThreadsInStepFlow"""

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
    flow="ThreadsInStepFlow",
    source="threads_in_step.py",
    sha256="9481d82e5d25262a331326873b0c1ceb90cf1eb0e914a43debeef9f9695ca83b",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
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
    name="ThreadsInStepFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def threads_in_step_flow() -> None:
    """ThreadsInStepFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(threads_in_step_flow)
