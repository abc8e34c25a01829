# Compiled by metaflow-prefect-northflank 0.1.0 from linked.py (sha256 10a1651f3223).
# Do not edit: change the flow and compile it again.
"""ReachedByALinkFlow"""

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
    flow="ReachedByALinkFlow",
    source="linked.py",
    sha256="10a1651f3223b84c4ce41612ff67fcb8d7b6eba30dca73f9d1314a953ce88144",
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
    name="ReachedByALinkFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def reached_by_a_link_flow() -> None:
    """ReachedByALinkFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(reached_by_a_link_flow)
