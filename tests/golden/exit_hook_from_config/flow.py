# Compiled by metaflow-prefect-northflank 0.1.0 from exit_hook_from_config.py (sha256 74e6b5f5522e).
# Do not edit: change the flow and compile it again.
"""ExitHookFromConfigFlow"""

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
    flow="ExitHookFromConfigFlow",
    source="exit_hook_from_config.py",
    sha256="74e6b5f5522e8e5a38fc16b2c3c9c7f1f0d94db37370ead0f98a4207df6e4176",
    metadata="local",
    datastore="local",
    options=("--config-value", "cfg", "kv.cfg"),
    config="{\"user_configs\": {\"cfg\": [{\"hooks\": [\"support.notices.leave\"]}, false]}}",
    on_success=("support.notices.leave",),
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
    name="ExitHookFromConfigFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
    **exit_hooks(PROGRAM),
)
def exit_hook_from_config_flow() -> None:
    """ExitHookFromConfigFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(exit_hook_from_config_flow)
