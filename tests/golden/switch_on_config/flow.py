# Compiled by metaflow-prefect-northflank 0.1.0 from switch_on_config.py (sha256 08caca45a779).
# Do not edit: change the flow and compile it again.
"""SwitchOnConfigFlow"""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Program,
    Step,
    Switch,
    check_api,
    execute,
    main,
    run_step,
)

check_api(1)

PROGRAM = Program(
    flow="SwitchOnConfigFlow",
    source="switch_on_config.py",
    sha256="08caca45a779fc1c04951c39683f4db5fc658d1983052adf780ab95a11fbe7e1",
    metadata="local",
    datastore="local",
    options=("--config-value", "cfg", "kv.cfg"),
    config="{\"user_configs\": {\"cfg\": [{\"quick\": \"q\", \"careful\": \"c\"}, false]}}",
    location=__file__,
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="quick")
def quick(label: str) -> None:
    run_step(label)


@task(name="careful")
def careful(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Switch({"config:cfg.quick": "quick", "config:cfg.careful": "careful"}, on="how")),
    Step(quick, Next("end")),
    Step(careful, Next("end")),
    Step(end, End()),
)


@flow(
    name="SwitchOnConfigFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def switch_on_config_flow() -> None:
    """SwitchOnConfigFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(switch_on_config_flow)
