# Compiled by metaflow-prefect-northflank 0.1.0 from split_in_switch.py (sha256 0b40eefd9a34).
# Do not edit: change the flow and compile it again.
"""SplitInSwitchFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Program,
    Split,
    Step,
    Switch,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="SplitInSwitchFlow",
    source="split_in_switch.py",
    sha256="0b40eefd9a346c1d899d2bb5ba5922b919e2c639fae2762f820fad659f673f14",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="parted")
def parted(label: str) -> None:
    run_step(label)


@task(name="a")
def a(label: str) -> None:
    run_step(label)


@task(name="b")
def b(label: str) -> None:
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    run_step(label)


@task(name="plain")
def plain(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Switch({1: "parted", 2: "plain"}, on="go")),
    Step(parted, Split("a", "b")),
    Step(a, Next("join")),
    Step(b, Next("join")),
    Step(join, Next("end"), joins="parted"),
    Step(plain, Next("end")),
    Step(end, End()),
)


@flow(
    name="SplitInSwitchFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def split_in_switch_flow() -> None:
    """SplitInSwitchFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(split_in_switch_flow)
