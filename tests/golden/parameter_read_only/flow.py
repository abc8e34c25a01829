# Compiled by metaflow-prefect-northflank 0.1.0 from parameter_read_only.py (sha256 0b1c15c0e985).
# Do not edit: change the flow and compile it again.
"""ParameterReadOnlyFlow"""

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
    flow="ParameterReadOnlyFlow",
    source="parameter_read_only.py",
    sha256="0b1c15c0e985896c7cdf2e6843b868c407862c2e89513bc1f1ffe73eff2acea8",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "alpha",
        int,
        default=1,
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
    name="ParameterReadOnlyFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def parameter_read_only_flow(
    alpha: int = 1,
) -> None:
    """ParameterReadOnlyFlow"""
    execute(PROGRAM, STEPS, {"alpha": alpha})


if __name__ == "__main__":
    main(parameter_read_only_flow, PARAMETERS)
