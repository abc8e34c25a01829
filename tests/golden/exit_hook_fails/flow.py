# Compiled by metaflow-prefect-northflank 0.1.0 from exit_hook_fails.py (sha256 33df4495c5ab).
# Do not edit: change the flow and compile it again.
"""ExitHookFailsFlow"""

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
    flow="ExitHookFailsFlow",
    source="exit_hook_fails.py",
    sha256="33df4495c5ab6a902d68d4cc200e35e8e95eb8d17128f7fe2a4644c645171703",
    metadata="local",
    datastore="local",
    on_success=("broken",),
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
    name="ExitHookFailsFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
    **exit_hooks(PROGRAM),
)
def exit_hook_fails_flow() -> None:
    """ExitHookFailsFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(exit_hook_fails_flow)
