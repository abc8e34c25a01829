# Compiled by metaflow-prefect-northflank 0.1.0 from config.py (sha256 52db5d55ad96).
# Do not edit: change the flow and compile it again.
"""ConfigFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Parameter,
    Program,
    Step,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="ConfigFlow",
    source="config.py",
    sha256="52db5d55ad96280c7eaaeffa8f5a2a4a970968f43c7001225dff06fb695b5be4",
    metadata="local",
    datastore="local",
    options=("--config-value", "cfg", "kv.cfg"),
    config="{\"user_configs\": {\"cfg\": [{\"n\": 5, \"times\": 1, \"name\": \"x\"}, false]}}",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "n",
        int,
        default=5,
    ),
)


@task(
    name="start",
    retries=1,
)
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
    name="ConfigFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def config_flow(
    n: int = 5,
) -> None:
    """ConfigFlow"""
    execute(PROGRAM, STEPS, {"n": n})


if __name__ == "__main__":
    main(config_flow, PARAMETERS)
