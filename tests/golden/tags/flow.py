# Compiled by metaflow-prefect-northflank 0.1.0 from tags.py (sha256 518f557ba4e4).
# Do not edit: change the flow and compile it again.
"""TagsFlow"""

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
    flow="TagsFlow",
    source="tags.py",
    sha256="518f557ba4e4a70cec2a554c276d948a189b17af67aaf611f5f69f725c1e0aa3",
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
    name="TagsFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def tags_flow() -> None:
    """TagsFlow"""
    execute(PROGRAM, STEPS, {})


if __name__ == "__main__":
    main(tags_flow)
