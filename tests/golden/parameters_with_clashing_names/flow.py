# Compiled by metaflow-prefect-northflank 0.1.0 from parameters_with_clashing_names.py (sha256 2dcc4972bced).
# Do not edit: change the flow and compile it again.
"""ParametersWithClashingNamesFlow"""

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
    flow="ParametersWithClashingNamesFlow",
    source="parameters_with_clashing_names.py",
    sha256="2dcc4972bceddceff5d358d601fc814f017ec67c5dd2e990748be48b2365b2aa",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "flow_run",
        str,
        default="1",
    ),
    Parameter(
        "task",
        str,
        default="2",
    ),
    Parameter(
        "name",
        str,
        default="3",
    ),
    Parameter(
        "self",
        str,
        default="4",
        argument="self_",
    ),
    Parameter(
        "import",
        str,
        default="5",
        argument="import_",
    ),
    Parameter(
        "Upper-Case",
        str,
        default="6",
        argument="Upper_Case",
    ),
    Parameter(
        "parameters",
        str,
        default="7",
    ),
    Parameter(
        "step",
        str,
        default="8",
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
    name="ParametersWithClashingNamesFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def parameters_with_clashing_names_flow(
    flow_run: str = "1",
    task: str = "2",
    name: str = "3",
    self_: str = "4",
    import_: str = "5",
    Upper_Case: str = "6",
    parameters: str = "7",
    step: str = "8",
) -> None:
    """ParametersWithClashingNamesFlow"""
    execute(PROGRAM, STEPS, {"flow_run": flow_run, "task": task, "name": name, "self": self_, "import": import_, "Upper-Case": Upper_Case, "parameters": parameters, "step": step})


if __name__ == "__main__":
    main(parameters_with_clashing_names_flow, PARAMETERS)
