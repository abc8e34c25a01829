# Compiled by metaflow-prefect-northflank 0.1.0 from with_retry.py (sha256 443385903db4).
# Do not edit: change the flow and compile it again.
"""WithRetryFlow"""

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
    flow="WithRetryFlow",
    source="with_retry.py",
    sha256="443385903db4b4dfba90371a17a528be2c4b558be02c121e0e78a784e88daa82",
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
    name="WithRetryFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def with_retry_flow() -> None:
    """WithRetryFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(with_retry_flow)
