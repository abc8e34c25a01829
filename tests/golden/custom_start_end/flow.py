# Compiled by metaflow-prefect-northflank 0.1.0 from custom_start_end.py (sha256 de73ca4a2fdb).
# Do not edit: change the flow and compile it again.
"""CustomStartEndFlow"""

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
    flow="CustomStartEndFlow",
    source="custom_start_end.py",
    sha256="de73ca4a2fdbfd5e94daa9d364a319897aab97844c130c6aaa2bf9e34f88cb9c",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="begin")
def begin(label: str) -> None:
    run_step(label)


@task(name="finish")
def finish(label: str) -> None:
    run_step(label)


STEPS = (
    Step(begin, Next("finish")),
    Step(finish, End()),
)


@flow(
    name="CustomStartEndFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def custom_start_end_flow() -> None:
    """CustomStartEndFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(custom_start_end_flow)
