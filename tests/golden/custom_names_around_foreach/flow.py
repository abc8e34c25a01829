# Compiled by metaflow-prefect-northflank 0.1.0 from custom_names_around_foreach.py (sha256 42f0d41f7069).
# Do not edit: change the flow and compile it again.
"""CustomNamesAroundForeachFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Foreach,
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
    flow="CustomNamesAroundForeachFlow",
    source="custom_names_around_foreach.py",
    sha256="42f0d41f70693b3dfc74522f2a50d61879b35ac3330b21b9d6fa7a2fc865ce39",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="fan")
def fan(label: str) -> None:
    run_step(label)


@task(name="work")
def work(label: str) -> None:
    run_step(label)


@task(name="gather")
def gather(label: str) -> None:
    run_step(label)


@task(name="done")
def done(label: str) -> None:
    run_step(label)


STEPS = (
    Step(fan, Foreach("work", over="items")),
    Step(work, Next("gather")),
    Step(gather, Next("done"), joins="fan"),
    Step(done, End()),
)


@flow(
    name="CustomNamesAroundForeachFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def custom_names_around_foreach_flow() -> None:
    """CustomNamesAroundForeachFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(custom_names_around_foreach_flow)
