# Compiled by metaflow-prefect-northflank 0.1.0 from parameters_with_odd_values.py (sha256 1891e9428449).
# Do not edit: change the flow and compile it again.
"""ParametersWithOddValuesFlow: Has a line separator\u2028here."""

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
    flow="ParametersWithOddValuesFlow",
    source="parameters_with_odd_values.py",
    sha256="1891e942844982116e2fc9c800598e4f7e52643cdb079108f62e23e4b5098cf6",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "braces",
        str,
        default="${{ x }} {{ y }} {% z %} \\ '''\"\"\"",
    ),
    Parameter(
        "data",
        Json,
        default={"deep": [None, {"x": "\u2029"}]},
    ),
    Parameter(
        "huge",
        int,
        default=100000000000000000000,
    ),
    Parameter(
        "least",
        float,
        default=-0.0,
    ),
    Parameter(
        "lines",
        str,
        default="a\nb\r\u000b\u0085c\u2028\td",
        help="'{{ x }} %s",
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
    name="ParametersWithOddValuesFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def parameters_with_odd_values_flow(
    braces: str = "${{ x }} {{ y }} {% z %} \\ '''\"\"\"",
    data: Any = {"deep": [None, {"x": "\u2029"}]},
    huge: int = 100000000000000000000,
    least: float = -0.0,
    lines: str = "a\nb\r\u000b\u0085c\u2028\td",
) -> None:
    """ParametersWithOddValuesFlow: Has a line separator\u2028here.

    Args:
        lines: '{{ x }} %s
    """
    execute(PROGRAM, STEPS, {"braces": braces, "data": data, "huge": huge, "least": least, "lines": lines})


if __name__ == "__main__":
    main(parameters_with_odd_values_flow, PARAMETERS)
