# Compiled by metaflow-prefect-northflank 0.1.0 from foreach.py (sha256 bf7aac5b9ab3).
# Do not edit: change the flow and compile it again.
"""ForeachFlow"""

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
    flow="ForeachFlow",
    source="foreach.py",
    sha256="bf7aac5b9ab361140f11d48c58345cde8758276caa271323f1c2f23e055f437b",
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
    name="ForeachFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def foreach_flow() -> None:
    """ForeachFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(foreach_flow)
