# Compiled by metaflow-prefect-northflank 0.1.0 from secrets_inline.py (sha256 340c76a8e008).
# Do not edit: change the flow and compile it again.
"""SecretsInlineFlow"""

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
    flow="SecretsInlineFlow",
    source="secrets_inline.py",
    sha256="340c76a8e008747d4848a8837da9cf9d560d10fe16cdd49edf75642d9179f02b",
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
    name="SecretsInlineFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def secrets_inline_flow() -> None:
    """SecretsInlineFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(secrets_inline_flow)
