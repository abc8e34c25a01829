# Compiled by metaflow-prefect-northflank 0.1.0 from config_value_given.py (sha256 adb59c184e6c).
# Do not edit: change the flow and compile it again.
"""ConfigValueGivenFlow"""

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
    flow="ConfigValueGivenFlow",
    source="config_value_given.py",
    sha256="adb59c184e6cb93ed176c81ee800304793db54847a071d3da5afc3d54e3fc260",
    metadata="local",
    datastore="local",
    options=("--config-value", "cfg", "kv.cfg"),
    config="{\"user_configs\": {\"cfg\": [{\"n\": 1, \"deep\": {\"x\": \"y\"}}, false]}}",
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
    name="ConfigValueGivenFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def config_value_given_flow() -> None:
    """ConfigValueGivenFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(config_value_given_flow)
