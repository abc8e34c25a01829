# Compiled by metaflow-prefect-northflank 0.1.0 from multiprocessing_pool.py (sha256 e02fa4fbd9e5).
# Do not edit: change the flow and compile it again.
"""MultiprocessingPoolFlow"""

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
    flow="MultiprocessingPoolFlow",
    source="multiprocessing_pool.py",
    sha256="e02fa4fbd9e50fbc9c7c649f067b7f96801ccbfd4daf86fb3d14848a249b9aeb",
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
    name="MultiprocessingPoolFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def multiprocessing_pool_flow() -> None:
    """MultiprocessingPoolFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(multiprocessing_pool_flow)
