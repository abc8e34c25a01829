# Compiled by metaflow-prefect-northflank 0.1.0 from parameters_by_environment.py (sha256 382fab894d3c).
# Do not edit: change the flow and compile it again.
"""ParametersByEnvironmentFlow"""

from typing import Any

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Json,
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
    flow="ParametersByEnvironmentFlow",
    source="parameters_by_environment.py",
    sha256="382fab894d3c20f26901d68e86d2de673619954c203fd7be5c6d079f2fced293",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "data",
        Json,
        default={"given": False},
    ),
    Parameter(
        "listed",
        str,
        default="a,b",
    ),
    Parameter(
        "my-count",
        int,
        default=1,
        argument="my_count",
    ),
    Parameter(
        "needed",
        str,
        required=True,
    ),
    Parameter(
        "text",
        str,
        default="unset",
    ),
    Parameter(
        "word",
        Json,
        default="\"by default\"",
    ),
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
    name="ParametersByEnvironmentFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def parameters_by_environment_flow(
    needed: str,
    data: Any = {"given": False},
    listed: str = "a,b",
    my_count: int = 1,
    text: str = "unset",
    word: Any = "\"by default\"",
) -> None:
    """ParametersByEnvironmentFlow"""
    execute(PROGRAM, STEPS, {"data": data, "listed": listed, "my-count": my_count, "needed": needed, "text": text, "word": word})


if __name__ == "__main__":
    main(parameters_by_environment_flow, PARAMETERS)
