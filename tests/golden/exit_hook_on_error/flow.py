# Compiled by metaflow-prefect-northflank 0.1.0 from exit_hook_on_error.py (sha256 61cfdffc2c8b).
# Do not edit: change the flow and compile it again.
"""ExitHookOnErrorFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Program,
    Step,
    check_api,
    execute,
    exit_hooks,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="ExitHookOnErrorFlow",
    source="exit_hook_on_error.py",
    sha256="61cfdffc2c8b4af454bc124a893dc6c501f3c0a39865fbeb49da84d49dd058a5",
    metadata="local",
    datastore="local",
    on_error=("sad",),
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
    name="ExitHookOnErrorFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
    **exit_hooks(PROGRAM),
)
def exit_hook_on_error_flow() -> None:
    """ExitHookOnErrorFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(exit_hook_on_error_flow)
