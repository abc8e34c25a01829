# Compiled by metaflow-prefect-northflank 0.1.0 from namespace_given.py (sha256 e44d1cf2a840).
# Do not edit: change the flow and compile it again.
"""NamespaceGivenFlow"""

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
    flow="NamespaceGivenFlow",
    source="namespace_given.py",
    sha256="e44d1cf2a84087e7a7204a086b5ba22a69e03f5c275f3952b88275a1d7662ff2",
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
    name="NamespaceGivenFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def namespace_given_flow() -> None:
    """NamespaceGivenFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(namespace_given_flow)
