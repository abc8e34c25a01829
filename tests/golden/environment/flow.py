# Compiled by metaflow-prefect-northflank 0.1.0 from environment.py (sha256 c9dfd2851147).
# Do not edit: change the flow and compile it again.
"""EnvironmentFlow"""

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
    flow="EnvironmentFlow",
    source="environment.py",
    sha256="c9dfd2851147a5be977b38c88797178af249b698c9729376cdb0a8ffd3b82a34",
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
    Step(start, Next("end"), environment=("COLOUR",)),
    Step(end, End()),
)


@flow(
    name="EnvironmentFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def environment_flow() -> None:
    """EnvironmentFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(environment_flow)
