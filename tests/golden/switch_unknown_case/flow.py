# Compiled by metaflow-prefect-northflank 0.1.0 from switch_unknown_case.py (sha256 767414b7d8b9).
# Do not edit: change the flow and compile it again.
"""SwitchUnknownCaseFlow"""

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
    flow="SwitchUnknownCaseFlow",
    source="switch_unknown_case.py",
    sha256="767414b7d8b9078c6747abc4bdfddf9826050e71747ac982adaa7610baa3565c",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="a")
def a(label: str) -> None:
    run_step(label)


@task(name="b")
def b(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Switch({"a": "a", "b": "b"}, on="mode")),
    Step(a, Next("end")),
    Step(b, Next("end")),
    Step(end, End()),
)


@flow(
    name="SwitchUnknownCaseFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def switch_unknown_case_flow() -> None:
    """SwitchUnknownCaseFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(switch_unknown_case_flow)
