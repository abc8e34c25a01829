# Compiled by metaflow-prefect-northflank 0.1.0 from switch_flow.py (sha256 c695d3deb87a).
# Do not edit: change the flow and compile it again.
"""SwitchFlow: Find a square root by Newton's method, or say why there is none."""

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Next,
    Parameter,
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
    flow="SwitchFlow",
    source="switch_flow.py",
    sha256="c695d3deb87abdf1fb8dba875483322f6af4bb2c159237aaaa13cedc76435a06",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "number",
        float,
        default=2.0,
        help="whose square root to find",
    ),
    Parameter(
        "tolerance",
        float,
        default=1e-09,
        help="how far off is good enough",
    ),
)


@task(name="start")
def start(label: str) -> None:
    """Look which way to go; the names of the ways are ours to choose."""
    run_step(label)


@task(name="refine")
def refine(label: str) -> None:
    """One round of Newton's method; comes back here until the guess is close."""
    run_step(label)


@task(name="refuse")
def refuse(label: str) -> None:
    """The other way."""
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    """Both ways lead here."""
    run_step(label)


STEPS = (
    Step(start, Switch({"positive": "refine", "negative": "refuse"}, on="sign")),
    Step(refine, Switch({"far": "refine", "close": "end"}, on="verdict")),
    Step(refuse, Next("end")),
    Step(end, End()),
)


@flow(
    name="SwitchFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def switch_flow(
    number: float = 2.0,
    tolerance: float = 1e-09,
) -> None:
    """SwitchFlow: Find a square root by Newton's method, or say why there is none.

    Args:
        number: whose square root to find
        tolerance: how far off is good enough
    """
    execute(PROGRAM, STEPS, {"number": number, "tolerance": tolerance})


if __name__ == "__main__":
    main(switch_flow, PARAMETERS)
