# Compiled by metaflow-prefect-northflank 0.1.0 from nightly_project_flow.py (sha256 8c30673d1508).
# Do not edit: change the flow and compile it again.
"""NightlyProjectFlow: Add up the day's orders per shop, every night at half past two, Berlin time."""

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
    flow="NightlyProjectFlow",
    project_flow="shop.user.tester.NightlyProjectFlow",
    source="nightly_project_flow.py",
    sha256="8c30673d1508ee03d9618f16b8491d11feb36448bc7bfc9f73bb592aaf2efa75",
    metadata="local",
    datastore="local",
    location=__file__,
)

PARAMETERS = (
    Parameter(
        "currency",
        str,
        default="EUR",
        help="what the prices are in",
    ),
    Parameter(
        "dry_run",
        bool,
        default=False,
        help="only say what would be stored",
    ),
    Parameter(
        "orders",
        int,
        default=100,
        help="how many orders to make up",
    ),
    Parameter(
        "shops",
        Json,
        default=["Mitte", "Wedding"],
        help="names of shops",
    ),
    Parameter(
        "tax_rate",
        float,
        default=0.19,
        help="share of each price",
    ),
)


@task(name="start")
def start(label: str) -> None:
    """Make up the orders: always the same ones, so that runs can be compared."""
    run_step(label)


@task(name="add_up")
def add_up(label: str) -> None:
    """One task per shop."""
    run_step(label)


@task(name="join")
def join(label: str) -> None:
    """What each shop took, tax included."""
    run_step(label)


@task(name="end")
def end(label: str) -> None:
    """Keep the result, unless this is only a rehearsal."""
    run_step(label)


STEPS = (
    Step(start, Foreach("add_up", over="shops")),
    Step(add_up, Next("join")),
    Step(join, Next("end"), joins="start"),
    Step(end, End()),
)


@flow(
    name="NightlyProjectFlow",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
)
def nightly_project_flow(
    currency: str = "EUR",
    dry_run: bool = False,
    orders: int = 100,
    shops: Any = ["Mitte", "Wedding"],
    tax_rate: float = 0.19,
) -> None:
    """NightlyProjectFlow: Add up the day's orders per shop, every night at half past two, Berlin time.

    Args:
        currency: what the prices are in
        dry_run: only say what would be stored
        orders: how many orders to make up
        shops: names of shops
        tax_rate: share of each price
    """
    execute(PROGRAM, STEPS, {"currency": currency, "dry_run": dry_run, "orders": orders, "shops": shops, "tax_rate": tax_rate})


if __name__ == "__main__":
    main(nightly_project_flow, PARAMETERS)
