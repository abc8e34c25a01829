# Compiled by metaflow-prefect-northflank 0.1.0 from exit_nonzero.py (sha256 562b4075c3f4).
# Do not edit: change the flow and compile it again.
"""ExitNonzeroFlow"""

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
    flow="ExitNonzeroFlow",
    source="exit_nonzero.py",
    sha256="562b4075c3f4f9e28047b8c488c95d9fd332051a24d34e04d5918f8061652bc7",
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
    name="ExitNonzeroFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def exit_nonzero_flow() -> None:
    """ExitNonzeroFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(exit_nonzero_flow)
