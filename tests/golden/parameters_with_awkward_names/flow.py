# Compiled by metaflow-prefect-northflank 0.1.0 from parameters_with_awkward_names.py (sha256 31f74e426295).
# Do not edit: change the flow and compile it again.
"""ParametersWithAwkwardNamesFlow"""

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
    flow="ParametersWithAwkwardNamesFlow",
    source="parameters_with_awkward_names.py",
    sha256="31f74e426295a7aa8d648526dc2b181f6084e52880460f1b00bbc64becbd5f24",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "class",
        str,
        default="c",
        argument="class_",
    ),
    Parameter(
        "flow",
        int,
        default=1,
    ),
    Parameter(
        "execute",
        int,
        default=2,
        argument="execute_",
    ),
    Parameter(
        "my-task",
        str,
        default="t",
        argument="my_task",
    ),
    Parameter(
        "print",
        bool,
        default=True,
    ),
    Parameter(
        "start",
        str,
        default="s",
    ),
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="flow")
def flow_(label: str) -> None:
    run_step(label)


@task(name="task")
def task_(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Next("flow")),
    Step(flow_, Next("task")),
    Step(task_, Next("end")),
    Step(end, End()),
)


@flow(
    name="ParametersWithAwkwardNamesFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def parameters_with_awkward_names_flow(
    class_: str = "c",
    flow: int = 1,
    execute_: int = 2,
    my_task: str = "t",
    print: bool = True,
    start: str = "s",
) -> None:
    """ParametersWithAwkwardNamesFlow"""
    execute(PROGRAM, STEPS, {"class": class_, "flow": flow, "execute": execute_, "my-task": my_task, "print": print, "start": start})


if __name__ == "__main__":
    main(parameters_with_awkward_names_flow, PARAMETERS)
