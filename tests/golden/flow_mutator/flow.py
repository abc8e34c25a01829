# Compiled by metaflow-prefect-northflank 0.1.0 from flow_mutator.py (sha256 21e27004a30f).
# Do not edit: change the flow and compile it again.
"""FlowMutatorFlow"""

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
    flow="FlowMutatorFlow",
    source="flow_mutator.py",
    sha256="21e27004a30f1a73fdb73d91a84db834582df432478a26093e102f7eb75c3dec",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "extra",
        str,
        default="from the mutator",
    ),
)


@task(name="start")
def start(label: str) -> None:
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    run_step(label)


STEPS = (
    Step(start, Next("end"), environment=("COLOUR",)),
    Step(end, End()),
)


@flow(
    name="FlowMutatorFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def flow_mutator_flow(
    extra: str = "from the mutator",
) -> None:
    """FlowMutatorFlow"""
    execute(PROGRAM, STEPS, {"extra": extra})


if __name__ == "__main__":
    main(flow_mutator_flow, PARAMETERS)
