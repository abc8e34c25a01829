# Compiled by metaflow-prefect-northflank 0.1.0 from foreach_merge.py (sha256 2256e780fa66).
# Do not edit: change the flow and compile it again.
"""ForeachMergeFlow"""

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
    flow="ForeachMergeFlow",
    source="foreach_merge.py",
    sha256="2256e780fa661e46f87b819828997c825ea02c07996de99212efb299259b8c2b",
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
    name="ForeachMergeFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def foreach_merge_flow() -> None:
    """ForeachMergeFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(foreach_merge_flow)
