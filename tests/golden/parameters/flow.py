# Compiled by metaflow-prefect-northflank 0.1.0 from parameters.py (sha256 2c1215975c1f).
# Do not edit: change the flow and compile it again.
"""ParametersFlow"""

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
    flow="ParametersFlow",
    source="parameters.py",
    sha256="2c1215975c1fddd49beec305d8b203cb8fc2f00e5daac5556d8c502bd562a12e",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "count",
        int,
        default=3,
    ),
    Parameter(
        "data",
        Json,
        default={"a": [1, 2, None]},
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
        default="a,b,c",
    ),
    Parameter(
        "nothing",
        str,
    ),
    Parameter(
        "rate",
        float,
        default=0.5,
    ),
    Parameter(
        "text",
        str,
        default="hello world",
        help="Words",
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
    name="ParametersFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def parameters_flow(
    count: int = 3,
    data: Any = {"a": [1, 2, None]},
    is_on: bool = True,
    listed: str = "a,b,c",
    nothing: str | None = None,
    rate: float = 0.5,
    text: str = "hello world",
) -> None:
    """ParametersFlow

    Args:
        text: Words
    """
    execute(PROGRAM, STEPS, {"count": count, "data": data, "is-on": is_on, "listed": listed, "nothing": nothing, "rate": rate, "text": text})


if __name__ == "__main__":
    main(parameters_flow, PARAMETERS)
