# Compiled by metaflow-prefect-northflank 0.1.0 from exit_hook.py (sha256 2823b7edb37a).
# Do not edit: change the flow and compile it again.
"""ExitHookFlow"""

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
    flow="ExitHookFlow",
    source="exit_hook.py",
    sha256="2823b7edb37a9b1a7efae2ea61002f4bcb5007440c46df07fff493569f46d585",
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
    name="ExitHookFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
    **exit_hooks(PROGRAM),
)
def exit_hook_flow() -> None:
    """ExitHookFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(exit_hook_flow)
