# Compiled by metaflow-prefect-northflank 0.1.0 from module_in_a_subprocess.py (sha256 735ebe2d3960).
# Do not edit: change the flow and compile it again.
"""ModuleInASubprocessFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Program,
    Step,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="ModuleInASubprocessFlow",
    source="module_in_a_subprocess.py",
    sha256="735ebe2d39605e4b21b10d843e10af95d1048429ae9d88676401beb097ed4cf8",
    metadata="local",
    datastore="local",
    location=__file__,
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
    name="ModuleInASubprocessFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def module_in_a_subprocess_flow() -> None:
    """ModuleInASubprocessFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(module_in_a_subprocess_flow)
