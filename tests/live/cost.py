"""The most that a run can cost, known before anything is created; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prefect_northflank.api.plans import COMPUTE_PLANS, Plan

SMALLEST, SECOND, DEMO = "nf-compute-10", "nf-compute-20", "nf-compute-50"
"""The plans that are used: the cheapest, the one that a start overrides it with, and that of the demo flow."""

LONGEST_START_SECONDS = 120
"""What is added to each run for how long its container may be billed before and after its program."""

_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Containers:
    """Containers that may be started, and how long each may exist at most."""

    what: str
    plan: str
    count: int
    deadline_seconds: int


PROBES = (
    Containers(what="probes", plan=SMALLEST, count=16, deadline_seconds=300),
    Containers(what="a probe with another plan", plan=SECOND, count=1, deadline_seconds=300),
)
CONTRACT = (Containers(what="contract suite", plan=SMALLEST, count=40, deadline_seconds=600),)
DEMO_FLOW = (Containers(what="demo flow", plan=DEMO, count=12, deadline_seconds=900),)


def prices(listed: Sequence[Plan]) -> Mapping[str, float]:
    """Return the dollars an hour of each plan: the higher one of what Northflank lists and what it has published."""
    known: dict[str, float] = {}
    for plan in (*COMPUTE_PLANS, *listed):
        if plan.dollars_per_hour is not None:
            known[plan.id] = max(known.get(plan.id, 0.0), plan.dollars_per_hour)
    return known


def most_dollars(wanted: Sequence[Containers], price: Mapping[str, float]) -> float:
    """Return what *wanted* cost at most: every container takes all its time.

    Raises:
        KeyError: a plan has no known price.
    """
    return sum(
        it.count
        * price[it.plan]
        * (it.deadline_seconds + LONGEST_START_SECONDS)
        / _SECONDS_PER_HOUR
        for it in wanted
    )
