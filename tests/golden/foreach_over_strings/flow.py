# Compiled by metaflow-prefect-northflank 0.1.0 from foreach_over_strings.py (sha256 7c780a346003).
# Do not edit: change the flow and compile it again.
"""ForeachOverStringsFlow"""

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
    flow="ForeachOverStringsFlow",
    source="foreach_over_strings.py",
    sha256="7c780a346003fbaa4c23336df71657c377a60d5e624e99b1f6ab172e1088fd80",
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
    name="ForeachOverStringsFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def foreach_over_strings_flow() -> None:
    """ForeachOverStringsFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(foreach_over_strings_flow)
