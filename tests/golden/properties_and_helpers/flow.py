# Compiled by metaflow-prefect-northflank 0.1.0 from properties_and_helpers.py (sha256 3053bee70da5).
# Do not edit: change the flow and compile it again.
"""PropertiesAndHelpersFlow"""

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
    flow="PropertiesAndHelpersFlow",
    source="properties_and_helpers.py",
    sha256="3053bee70da501e7728c1efe6ecdbfb1dbd9e7534d5ad00bb441229b5b861302",
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
    name="PropertiesAndHelpersFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def properties_and_helpers_flow() -> None:
    """PropertiesAndHelpersFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(properties_and_helpers_flow)
