"""Which of Northflank's plans a container gets: the cheapest that has what is asked for; pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prefect_northflank.errors import ConfigurationError

DEFAULT_PLAN = "nf-compute-20"
"""The plan of a container for which nothing is asked."""

_GPU_PLAN = re.compile(r"^nf-gpu-(?P<type>.+)-(?P<count>\d+)g$")
_DOLLARS_PER_VCPU = 1 / 60
_DOLLARS_PER_GIBIBYTE = 1 / 120
_MEBIBYTES_PER_GIBIBYTE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One plan of `GET /v1/plans`: vCPUs, memory in MB and US dollars per hour, each None if it is not known.

    How many GPUs a plan has, and of which type, is part of its id.
    """

    id: str
    cpu: float | None = None
    memory: int | None = None
    dollars_per_hour: float | None = None

    @property
    def gpu_type(self) -> str | None:
        """The type of its GPUs, None if it has none."""
        found = _GPU_PLAN.match(self.id)
        return found["type"] if found else None

    @property
    def gpus(self) -> int:
        """The number of its GPUs."""
        found = _GPU_PLAN.match(self.id)
        return int(found["count"]) if found else 0

    @property
    def size(self) -> str:
        """Its size in words."""
        gpus = f"{self.gpus} {self.gpu_type}" if self.gpus else ""
        cpu = "" if self.cpu is None else f"{self.cpu:g} vCPU"
        memory = "" if self.memory is None else _in_words(self.memory)
        return ", ".join(filter(None, (gpus, cpu, memory)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a container must have at least: vCPUs, memory in MB, GPUs."""

    cpu: float = 0
    memory: float = 0
    gpus: int = 0
    gpu_type: str | None = None

    def __str__(self) -> str:
        asked = (
            ("cpu", f"{self.cpu:g}" if self.cpu else ""),
            ("memory", f"{self.memory:g}" if self.memory else ""),
            ("gpu", str(self.gpus) if self.gpus else ""),
            ("gpu_type", self.gpu_type or ""),
        )
        return ", ".join(f"{name}={value}" for name, value in asked if value)


class NoPlanLargeEnough(ConfigurationError):
    """More is asked for than the largest plan has."""

    def __init__(self, needs: Needs, largest: Plan) -> None:
        super().__init__(
            what=str(needs),
            why=f"no plan of Northflank is large enough; the largest is {largest.id} ({largest.size})",
            remedy="ask for less, or name one of your account's own plans in the job variable billing_deployment_plan",
        )


class UnknownGpuType(ConfigurationError):
    """GPUs are asked for, but not of which type, or of a type that no plan has."""

    def __init__(self, needs: Needs, types: Sequence[str]) -> None:
        self.types = tuple(types)
        super().__init__(
            what=f"gpu_type={needs.gpu_type}" if needs.gpu_type else f"gpu={needs.gpus}",
            why="Northflank needs to know which GPU"
            if needs.gpu_type is None
            else "Northflank has no plan with this GPU",
            remedy=f"set the job variable gpu_type to one of {', '.join(types)}",
        )


def cheapest(needs: Needs, plans: Iterable[Plan]) -> Plan:
    """Return the cheapest of *plans* that has all of *needs*; of equally cheap ones the largest.

    A container without GPUs gets no plan with GPUs; where no plan has the number of GPUs, the next larger number.

    Raises:
        NoPlanLargeEnough: no plan is large enough.
        UnknownGpuType: the type of GPU is missing or unknown.
    """
    offered = list(plans)
    of_kind = _of_kind(needs, offered)
    enough = [plan for plan in of_kind if _has(plan, needs)]
    if not enough:
        largest = max(of_kind, key=_capacity)
        raise NoPlanLargeEnough(needs, largest)
    return min(enough, key=_price)


_HEADROOM = 1.25
"""How much more memory a container is to get than the one that ran out of it: it did not live to say how much it needed."""


def published(plan_id: str) -> Plan:
    """Return what Northflank publishes of a plan; nothing but its id if it publishes nothing."""
    return next((plan for plan in PUBLISHED if plan.id == plan_id), Plan(id=plan_id))


def with_more_memory(plan: Plan, plans: Iterable[Plan]) -> Plan | None:
    """Return the cheapest of *plans* with clearly more memory than *plan*, and no less of anything else.

    None if there is none, or it is not known how much memory *plan* has.
    """
    if plan.memory is None:
        return None
    needs = Needs(
        cpu=plan.cpu or 0,
        memory=plan.memory * _HEADROOM,
        gpus=plan.gpus,
        gpu_type=plan.gpu_type,
    )
    known = [it for it in plans if it.memory is not None]
    try:
        return cheapest(needs, known)
    except (ConfigurationError, ValueError):
        return None


def _has(plan: Plan, needs: Needs) -> bool:
    """Say whether the plan has what is needed, as far as it is known."""
    return (
        (plan.cpu is None or plan.cpu >= needs.cpu)
        and (plan.memory is None or plan.memory >= needs.memory)
        and plan.gpus >= needs.gpus
    )


def _capacity(plan: Plan) -> tuple[float, ...]:
    return (plan.gpus, plan.memory or 0, plan.cpu or 0)


def _price(plan: Plan) -> tuple[float | str, ...]:
    """Return what the cheapest plan has the least of; without prices, fewer GPUs are cheaper."""
    price = math.inf if plan.dollars_per_hour is None else plan.dollars_per_hour
    return (price, plan.gpus, -(plan.memory or 0), -(plan.cpu or 0), plan.id)


def _of_kind(needs: Needs, plans: Sequence[Plan]) -> list[Plan]:
    """Return the plans with the type of GPU that is needed, or those without GPUs."""
    if not needs.gpus:
        return [plan for plan in plans if not plan.gpus]
    types = sorted({plan.gpu_type for plan in plans if plan.gpu_type})
    if needs.gpu_type not in types:
        raise UnknownGpuType(needs, types)
    return [plan for plan in plans if plan.gpu_type == needs.gpu_type]


def _in_words(memory: int) -> str:
    gibibytes = memory / _MEBIBYTES_PER_GIBIBYTE
    return f"{gibibytes:g} GB" if gibibytes >= 1 else f"{memory} MB"


def _compute(name: str, cpu: float, memory: int) -> Plan:
    price = cpu * _DOLLARS_PER_VCPU + memory / _MEBIBYTES_PER_GIBIBYTE * _DOLLARS_PER_GIBIBYTE
    return Plan(id=f"nf-compute-{name}", cpu=cpu, memory=memory, dollars_per_hour=round(price, 4))


COMPUTE_PLANS = tuple(
    _compute(*plan)
    for plan in (
        ("10", 0.1, 256),
        ("20", 0.2, 512),
        ("50", 0.5, 1024),
        ("100-1", 1, 1024),
        ("100-2", 1, 2048),
        ("100-4", 1, 4096),
        ("200", 2, 4096),
        ("200-4", 2, 4096),
        ("200-8", 2, 8192),
        ("200-16", 2, 16384),
        ("400", 4, 8192),
        ("400-16", 4, 16384),
        ("800-8", 8, 8192),
        ("800-16", 8, 16384),
        ("800-24", 8, 24576),
        ("800-32", 8, 32768),
        ("800-40", 8, 40960),
        ("1200-24", 12, 24576),
        ("1600-32", 16, 32768),
        ("2000-40", 20, 40960),
    )
)
"""Northflank's plans without GPUs and their prices, as published: for where the list cannot be had from Northflank.

Source: https://northflank.com/docs/v1/application/billing/resource-plans-and-quotas and
https://northflank.com/pricing (US dollars per vCPU and per GB of memory).
"""

_GPU_COUNTS = {
    "l4-24": (1, 2, 4, 8),
    "a100-40": (1, 2, 4, 8),
    "a100-80": (1, 2, 4, 8),
    "h100-80": (1, 2, 4, 8),
    "h200-141": (8,),
    "b200-180": (8,),
    "rtx_pro_6000-96": (8,),
}

PUBLISHED = (
    *COMPUTE_PLANS,
    *(
        Plan(id=f"nf-gpu-{gpu_type}-{count}g")
        for gpu_type, counts in _GPU_COUNTS.items()
        for count in counts
    ),
)
"""All plans that Northflank publishes; what comes with a GPU, and its price, only the API tells."""
