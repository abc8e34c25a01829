# Compiled by metaflow-prefect-northflank 0.1.0 from retry_switch.py (sha256 770e44a501c2).
# Do not edit: change the flow and compile it again.
"""RetrySwitchFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Program,
    Step,
    Switch,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="RetrySwitchFlow",
    source="retry_switch.py",
    sha256="770e44a501c2fb538e21f082c8703773ee95dfff20f2dabaf340da323fdcc96d",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(
    name="start",
    retries=1,
)
def start(label: str) -> None:
    run_step(label)


@task(name="first")
def first(label: str) -> None:
    run_step(label)


@task(name="second")
def second(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Switch({"first": "first", "second": "second"}, on="way")),
    Step(first, Next("end")),
    Step(second, Next("end")),
    Step(end, End()),
)


@flow(
    name="RetrySwitchFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def retry_switch_flow() -> None:
    """RetrySwitchFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(retry_switch_flow)
