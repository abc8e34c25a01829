# Compiled by metaflow-prefect-northflank 0.1.0 from split.py (sha256 52589a4b7841).
# Do not edit: change the flow and compile it again.
"""SplitFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Program,
    Split,
    Step,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="SplitFlow",
    source="split.py",
    sha256="52589a4b78411b157ea83dd80745349fe409fa4cabe93831b3319b9f11c2ee51",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="left")
def left(label: str) -> None:
    run_step(label)


@task(name="right")
def right(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Split("left", "right")),
    Step(left, Next("join")),
    Step(right, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="SplitFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def split_flow() -> None:
    """SplitFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(split_flow)
