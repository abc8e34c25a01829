# Compiled by metaflow-prefect-northflank 0.1.0 from many_lines.py (sha256 f78caa48c1f0).
# Do not edit: change the flow and compile it again.
"""ManyLinesFlow"""

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
    flow="ManyLinesFlow",
    source="many_lines.py",
    sha256="f78caa48c1f012f2eef932acae2a345ad5e9298ab83737cb03b6263d33a82785",
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
    name="ManyLinesFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def many_lines_flow() -> None:
    """ManyLinesFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(many_lines_flow)
