# Compiled by metaflow-prefect-northflank 0.1.0 from parameters_given.py (sha256 2bd00f953c57).
# Do not edit: change the flow and compile it again.
"""ParametersGivenFlow"""

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
    flow="ParametersGivenFlow",
    source="parameters_given.py",
    sha256="2bd00f953c570bb31441d7bb6782b3b6d43cd2f1fba6327b1fb9fa7446090f82",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "count",
        int,
    ),
    Parameter(
        "data",
        Json,
        default={"given": False},
    ),
    Parameter(
        "is-on",
        bool,
        default=True,
        argument="is_on",
    ),
    Parameter(
        "listed",
        str,
        default="a|b",
    ),
    Parameter(
        "rate",
        float,
        default=0.5,
    ),
    Parameter(
        "text",
        str,
        default="unset",
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
    name="ParametersGivenFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def parameters_given_flow(
    count: int | None = None,
    data: Any = {"given": False},
    is_on: bool = True,
    listed: str = "a|b",
    rate: float = 0.5,
    text: str = "unset",
) -> None:
    """ParametersGivenFlow"""
    execute(PROGRAM, STEPS, {"count": count, "data": data, "is-on": is_on, "listed": listed, "rate": rate, "text": text})


if __name__ == "__main__":
    main(parameters_given_flow, PARAMETERS)
