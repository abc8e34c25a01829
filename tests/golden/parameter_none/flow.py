# Compiled by metaflow-prefect-northflank 0.1.0 from parameter_none.py (sha256 f9c14cf11a0b).
# Do not edit: change the flow and compile it again.
"""ParameterNoneFlow"""

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
    flow="ParameterNoneFlow",
    source="parameter_none.py",
    sha256="f9c14cf11a0bd1e71118982a618c9f144dbcfaa2481f603d09ee6cb05ddaf8cf",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "also",
        str,
    ),
    Parameter(
        "nothing",
        int,
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
    name="ParameterNoneFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def parameter_none_flow(
    also: str | None = None,
    nothing: int | None = None,
) -> None:
    """ParameterNoneFlow"""
    execute(PROGRAM, STEPS, {"also": also, "nothing": nothing})


if __name__ == "__main__":
    main(parameter_none_flow, PARAMETERS)
