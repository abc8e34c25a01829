# Compiled by metaflow-prefect-northflank 0.1.0 from parameters_with_odd_values.py (sha256 f3faa90f656b).
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
    sha256="f3faa90f656bbde642caf6543ef9061cc4b3b38e9e46810cda94a12bf2c6bb87",
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
        help="\u2028 \"'{{ x }} %s \\n",
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
        lines: "'{{ x }} %s \\n
    """
    execute(PROGRAM, STEPS, {"braces": braces, "data": data, "huge": huge, "least": least, "lines": lines})


if __name__ == "__main__":
    main(parameters_with_odd_values_flow, PARAMETERS)
