# Compiled by metaflow-prefect-northflank 0.1.0 from exit_code_202_is_not_retried.py (sha256 b814966ee567).
# Do not edit: change the flow and compile it again.
"""ExitCode202IsNotRetriedFlow"""

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
    flow="ExitCode202IsNotRetriedFlow",
    source="exit_code_202_is_not_retried.py",
    sha256="b814966ee5670d7664bda4e3961edd8f9b787b3e847b8b78369b57aa7f53009a",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(
    name="start",
    retries=3,
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
    name="ExitCode202IsNotRetriedFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def exit_code202_is_not_retried_flow() -> None:
    """ExitCode202IsNotRetriedFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(exit_code202_is_not_retried_flow)
