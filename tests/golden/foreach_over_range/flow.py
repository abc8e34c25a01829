# Compiled by metaflow-prefect-northflank 0.1.0 from foreach_over_range.py (sha256 a323deddf6e6).
# Do not edit: change the flow and compile it again.
"""ForeachOverRangeFlow"""

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
    flow="ForeachOverRangeFlow",
    source="foreach_over_range.py",
    sha256="a323deddf6e66110eb198dd993ef6332f0576e0b8e7793cca19d21ea531da52b",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="work")
def work(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Foreach("work", over="items")),
    Step(work, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="ForeachOverRangeFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def foreach_over_range_flow() -> None:
    """ForeachOverRangeFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(foreach_over_range_flow)
