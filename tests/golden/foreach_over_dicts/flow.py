# Compiled by metaflow-prefect-northflank 0.1.0 from foreach_over_dicts.py (sha256 40e82073b68b).
# Do not edit: change the flow and compile it again.
"""ForeachOverDictsFlow"""

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
    flow="ForeachOverDictsFlow",
    source="foreach_over_dicts.py",
    sha256="40e82073b68bd95290f5c95a435dbbceaccbe020a00981b500f74fca0e6859c9",
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
    name="ForeachOverDictsFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def foreach_over_dicts_flow() -> None:
    """ForeachOverDictsFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(foreach_over_dicts_flow)
