# Compiled by metaflow-prefect-northflank 0.1.0 from parallel_map.py (sha256 caa0b0ea5139).
# Do not edit: change the flow and compile it again.
"""ParallelMapFlow"""

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
    flow="ParallelMapFlow",
    source="parallel_map.py",
    sha256="caa0b0ea5139cbef5cab2707a2a9bf98af33cce6b04b94ecb090fcf27b41e1bf",
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
    name="ParallelMapFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def parallel_map_flow() -> None:
    """ParallelMapFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(parallel_map_flow)
