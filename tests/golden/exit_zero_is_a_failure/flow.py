# Compiled by metaflow-prefect-northflank 0.1.0 from exit_zero_is_a_failure.py (sha256 fe4cb3886b86).
# Do not edit: change the flow and compile it again.
"""ExitZeroIsAFailureFlow"""

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
    flow="ExitZeroIsAFailureFlow",
    source="exit_zero_is_a_failure.py",
    sha256="fe4cb3886b86144430c1bc710a5113e5658761118670b6db7cb2056d57ceef62",
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
    name="ExitZeroIsAFailureFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def exit_zero_is_a_failure_flow() -> None:
    """ExitZeroIsAFailureFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(exit_zero_is_a_failure_flow)
