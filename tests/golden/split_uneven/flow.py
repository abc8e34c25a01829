# Compiled by metaflow-prefect-northflank 0.1.0 from split_uneven.py (sha256 b468070dcf80).
# Do not edit: change the flow and compile it again.
"""SplitUnevenFlow"""

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
    flow="SplitUnevenFlow",
    source="split_uneven.py",
    sha256="b468070dcf804920f4eff7394961379c207ee08776bae67ec49cf3ae409f4430",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="long")
def long(label: str) -> None:
    run_step(label)


@task(name="longer")
def longer(label: str) -> None:
    run_step(label)


@task(name="short")
def short(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Split("long", "short")),
    Step(long, Next("longer")),
    Step(longer, Next("join")),
    Step(short, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="SplitUnevenFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def split_uneven_flow() -> None:
    """SplitUnevenFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(split_uneven_flow)
