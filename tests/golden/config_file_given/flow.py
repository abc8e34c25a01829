# Compiled by metaflow-prefect-northflank 0.1.0 from config_file_given.py (sha256 b612040cc2cd).
# Do not edit: change the flow and compile it again.
"""ConfigFileGivenFlow"""

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
    flow="ConfigFileGivenFlow",
    source="config_file_given.py",
    sha256="b612040cc2cdf42f79b5d7e1579e3cf5f14ecf3ccb55c5fe713a0f11a1007118",
    metadata="local",
    datastore="local",
    options=("--config-value", "cfg", "kv.cfg"),
    config="{\"user_configs\": {\"cfg\": [{\"n\": 1}, false]}}",
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
    name="ConfigFileGivenFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def config_file_given_flow() -> None:
    """ConfigFileGivenFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(config_file_given_flow)
