# Compiled by metaflow-prefect-northflank 0.1.0 from recursive_many_times.py (sha256 3e325e589a3b).
# Do not edit: change the flow and compile it again.
"""RecursiveManyTimesFlow"""

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
    flow="RecursiveManyTimesFlow",
    source="recursive_many_times.py",
    sha256="3e325e589a3bde20774df06edb6da9a46593e7bcaf4b2089841b1dbed50e017a",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="loop")
def loop(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Next("loop")),
    Step(loop, Switch({"yes": "loop", "no": "end"}, on="again")),
    Step(end, End()),
)


@flow(
    name="RecursiveManyTimesFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def recursive_many_times_flow() -> None:
    """RecursiveManyTimesFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(recursive_many_times_flow)
