"""About what a run cost: the price of the plan of each of its containers, times how long it ran; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.progress.in_words import duration

_SECONDS_PER_HOUR = 3600
_LEAST_SHOWN = 0.001
_CENTS_FROM = 0.1
"""Dollars from which two digits behind the point are enough."""

_SIZES_OF_ONE_RUN = frozenset(
    {"cpu", "memory", "gpu", "gpu_type", "deployment_plan", "billing_deployment_plan"}
)
"""Job variables by which a single run gets another plan than its deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A plan, and its price in US dollars an hour."""

    plan: str
    dollars_per_hour: float

    def environment(self) -> dict[str, str]:
        """Return the variables by which a deployment keeps it."""
        price = f"{self.dollars_per_hour:.10g}"
        return {variables.CONTAINER_PLAN: self.plan, variables.CONTAINER_PRICE: price}

    @classmethod
    def of(cls, environment: Mapping[str, Any]) -> Rate | None:
        """Read it from a deployment's environment; None if it is not there, or its price is not a number."""
        plan = environment.get(variables.CONTAINER_PLAN)
        try:
            price = float(environment.get(variables.CONTAINER_PRICE) or math.nan)
        except ValueError:
            price = math.nan
        return cls(plan=plan, dollars_per_hour=price) if plan and 0 <= price < math.inf else None

    def of_run(self, own_variables: Mapping[str, Any] | None) -> Rate | None:
        """Return it unless the run's own job variables name another size."""
        return None if _SIZES_OF_ONE_RUN & set(own_variables or {}) else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """About what a run has cost so far; Northflank's bill counts otherwise.

    >>> str(Cost(rate=Rate(plan="nf-compute-400-16", dollars_per_hour=0.2), seconds=720))
    'about $0.04 (plan nf-compute-400-16, $0.2 an hour, 12m 00s)'
    """

    rate: Rate
    seconds: float

    @classmethod
    def of_step(cls, flow_run: Any) -> Cost | None:
        """Return what the container of a step has cost so far; None where its price is not known, or it has not begun.

        *flow_run* is the one that executes the step's tasks; its own job variables have the price.
        """
        rate = Rate.of((flow_run.job_variables or {}).get("env") or {})
        seconds = flow_run.estimated_run_time.total_seconds()
        return cls(rate=rate, seconds=seconds) if rate is not None and seconds else None

    @property
    def dollars(self) -> float:
        """The price times the run time."""
        return self.rate.dollars_per_hour * self.seconds / _SECONDS_PER_HOUR

    def __str__(self) -> str:
        price = f"${self.rate.dollars_per_hour:g} an hour"
        return f"{about(self.dollars)} (plan {self.rate.plan}, {price}, {duration(self.seconds)})"

    def summary(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return {
            "dollars": round(self.dollars, 6),
            "plan": self.rate.plan,
            "dollars_per_hour": self.rate.dollars_per_hour,
            "seconds": round(self.seconds, 3),
        }


def about(dollars: float) -> str:
    """Return an amount as it is shown: it is never exact.

    >>> about(0.0004), about(0.0333), about(12.3)
    ('less than $0.001', 'about $0.033', 'about $12.30')
    """
    if 0 < dollars < _LEAST_SHOWN:
        return f"less than ${_LEAST_SHOWN}"
    return f"about ${dollars:.2f}" if dollars >= _CENTS_FROM else f"about ${dollars:.2g}"


def total(costs: Iterable[Cost | None]) -> dict[str, Any] | None:
    """Return what all containers of a run have cost together, as JSON-able data; None where nothing is known of any."""
    known = [cost for cost in costs if cost is not None]
    if not known:
        return None
    return {"dollars": round(_sum(known), 6), "containers": len(known)}


def total_in_words(own: Cost | None, of_steps: Iterable[Cost | None]) -> str:
    """Return what the containers of steps have cost together, and with the flow's own; empty where nothing is known.

    >>> cost = Cost(rate=Rate(plan="nf-compute-400-16", dollars_per_hour=0.2), seconds=720)
    >>> total_in_words(cost, (cost, None, cost))
    'about $0.08 for 2 containers of steps, about $0.12 in all'
    """
    known = [cost for cost in of_steps if cost is not None]
    if not known:
        return ""
    containers = f"{len(known)} container{'s' if len(known) > 1 else ''} of steps"
    in_all = "" if own is None else f", {about(_sum((own, *known)))} in all"
    return f"{about(_sum(known))} for {containers}{in_all}"


def _sum(costs: Iterable[Cost]) -> float:
    return math.fsum(cost.dollars for cost in costs)
