# Compiled by metaflow-prefect-northflank 0.1.0 from parallel.py (sha256 418473d46bae).
# Do not edit: change the flow and compile it again.
"""ParallelFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Parallel,
    Program,
    Step,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="ParallelFlow",
    source="parallel.py",
    sha256="418473d46bae1f6264913dc2573fc761e43af5dab9f6778d7b339e8468fbf783",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="train")
def train(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Parallel("train")),
    Step(train, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="ParallelFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def parallel_flow() -> None:
    """ParallelFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(parallel_flow)
