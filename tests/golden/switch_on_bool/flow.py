# Compiled by metaflow-prefect-northflank 0.1.0 from switch_on_bool.py (sha256 27dfe2f58b70).
# Do not edit: change the flow and compile it again.
"""SwitchOnBoolFlow"""

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
    flow="SwitchOnBoolFlow",
    source="switch_on_bool.py",
    sha256="27dfe2f58b70443cc5c9b835ce443838cf4cfbd62d48b212128a8662e17c9c37",
    metadata="local",
    datastore="local",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="yes")
def yes(label: str) -> None:
    run_step(label)


@task(name="seven")
def seven(label: str) -> None:
    run_step(label)


@task(name="no")
def no(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Switch({True: "yes", False: "no"}, on="ok")),
    Step(yes, Switch({7: "seven", 8: "no"}, on="n")),
    Step(seven, Next("end")),
    Step(no, Next("end")),
    Step(end, End()),
)


@flow(
    name="SwitchOnBoolFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def switch_on_bool_flow() -> None:
    """SwitchOnBoolFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(switch_on_bool_flow)
