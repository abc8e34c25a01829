# Compiled by metaflow-prefect-northflank 0.1.0 from include_file.py (sha256 0b9504ae997d).
# Do not edit: change the flow and compile it again.
"""IncludeFileFlow"""

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
    flow="IncludeFileFlow",
    source="include_file.py",
    sha256="0b9504ae997df4dba477d18f3d7cdfe622f1336bd0281b9bde9cde11d8744f0a",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "source",
        str,
        default="include_file.py",
    ),
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
    name="IncludeFileFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def include_file_flow(
    source: str = "include_file.py",
) -> None:
    """IncludeFileFlow"""
    execute(PROGRAM, STEPS, {"source": source})


if __name__ == "__main__":
    main(include_file_flow, PARAMETERS)
