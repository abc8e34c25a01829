# Compiled by metaflow-prefect-northflank 0.1.0 from foreach_multi_step.py (sha256 aba297a9f41f).
# Do not edit: change the flow and compile it again.
"""ForeachMultiStepFlow"""

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
    flow="ForeachMultiStepFlow",
    source="foreach_multi_step.py",
    sha256="aba297a9f41f150c3b323b553bfc0c994cc8ea5cd71b3f375bf2e3117d78d2a5",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="first")
def first(label: str) -> None:
    run_step(label)


@task(name="second")
def second(label: str) -> None:
    run_step(label)


@task(name="third")
def third(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Foreach("first", over="items")),
    Step(first, Next("second")),
    Step(second, Next("third")),
    Step(third, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="ForeachMultiStepFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def foreach_multi_step_flow() -> None:
    """ForeachMultiStepFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(foreach_multi_step_flow)
