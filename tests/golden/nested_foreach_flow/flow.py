# Compiled by metaflow-prefect-northflank 0.1.0 from nested_foreach_flow.py (sha256 676af8c2e560).
# Do not edit: change the flow and compile it again.
"""NestedForeachFlow: Find the warmest town of each country, and of all of them."""

from typing import Any

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from metaflow_prefect.runtime import (
    End,
    Foreach,
    Json,
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
    flow="NestedForeachFlow",
    source="nested_foreach_flow.py",
    sha256="676af8c2e5600afa6b19c5ec591170563ff499aafe80d1b15f00c9476d16c8da",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "climate",
        Json,
        default={"Norway": {"Oslo": 17.7, "Bergen": 15.0}, "Spain": {"Madrid": 25.6, "Sevilla": 28.2, "Bilbao": 20.3}},
        help="country to town to temperature in Celsius",
    ),
)


@task(name="start")
def start(label: str) -> None:
    """One task per country."""
    run_step(label)


@task(name="visit_country")
def visit_country(label: str) -> None:
    """One task per town of this country."""
    run_step(label)


@task(name="measure")
def measure(label: str) -> None:
    """The innermost task: one town of one country."""
    run_step(label)


@task(name="join_towns")
def join_towns(label: str) -> None:
    """Once per country: its warmest town."""
    run_step(label)


@task(name="join_countries")
def join_countries(label: str) -> None:
    """Once: what each country found, and the warmest of all."""
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    """Say which."""
    run_step(label)


STEPS = (
    Step(start, Foreach("visit_country", over="countries")),
    Step(visit_country, Foreach("measure", over="towns")),
    Step(measure, Next("join_towns")),
    Step(join_towns, Next("join_countries"), joins="visit_country"),
    Step(join_countries, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="NestedForeachFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def nested_foreach_flow(
    climate: Any = {"Norway": {"Oslo": 17.7, "Bergen": 15.0}, "Spain": {"Madrid": 25.6, "Sevilla": 28.2, "Bilbao": 20.3}},
) -> None:
    """NestedForeachFlow: Find the warmest town of each country, and of all of them.

    Args:
        climate: country to town to temperature in Celsius
    """
    execute(PROGRAM, STEPS, {"climate": climate})


if __name__ == "__main__":
    main(nested_foreach_flow, PARAMETERS)
