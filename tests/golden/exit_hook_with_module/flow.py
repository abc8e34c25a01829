# Compiled by metaflow-prefect-northflank 0.1.0 from exit_hook_with_module.py (sha256 a912e6b253a9).
# Do not edit: change the flow and compile it again.
"""ExitHookWithModuleFlow"""

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
    flow="ExitHookWithModuleFlow",
    source="exit_hook_with_module.py",
    sha256="a912e6b253a9c292415ba236519a03a4a122b4651105ca4487436a1aa0d4f306",
    metadata="local",
    datastore="local",
    on_success=("happy",),
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
    name="ExitHookWithModuleFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
    **exit_hooks(PROGRAM),
)
def exit_hook_with_module_flow() -> None:
    """ExitHookWithModuleFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(exit_hook_with_module_flow)
