# Compiled by metaflow-prefect-northflank 0.1.0 from catch_in_split.py (sha256 d408fedf7ae3).
# Do not edit: change the flow and compile it again.
"""CatchInSplitFlow"""

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
    flow="CatchInSplitFlow",
    source="catch_in_split.py",
    sha256="d408fedf7ae3c0a874151bcf798a1a1d68c01d6f339feeb8929ae424060fdd33",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="good")
def good(label: str) -> None:
    run_step(label)


@task(
    name="bad",
    retries=3,
)
def bad(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Split("good", "bad")),
    Step(good, Next("join")),
    Step(bad, Next("join"), error_retries=3),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="CatchInSplitFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def catch_in_split_flow() -> None:
    """CatchInSplitFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(catch_in_split_flow)
