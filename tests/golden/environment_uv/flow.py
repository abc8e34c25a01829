# Compiled by metaflow-prefect-northflank 0.1.0 from environment_uv.py (sha256 55c484b0dcb6).
# Do not edit: change the flow and compile it again.
"""EnvironmentUvFlow"""

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
    flow="EnvironmentUvFlow",
    source="environment_uv.py",
    sha256="55c484b0dcb6d211c6719a1e849c1e87a11969d8b7cd5e6a1a0706336b532b4d",
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
    name="EnvironmentUvFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def environment_uv_flow() -> None:
    """EnvironmentUvFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(environment_uv_flow)
