"""How large the container of a flow run is: the most that any of its steps asks for with @resources; pure.

The steps of a flow run share its container, so the container needs the largest request of each kind. What a pool calls
these job variables, and in which unit it takes them, depends on the pool's type. A job variable that the options or the
pool's template set wins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from metaflow_prefect import ir
from metaflow_prefect.deploy.plan.deploy_context import WorkPool
from metaflow_prefect.errors import Finding
from metaflow_prefect.runtime.progress.cost import Rate

if TYPE_CHECKING:
    from prefect_northflank.api.plans import Needs, Plan

_CPU, _MEMORY, _GPU, _DISK, _SHARED_MEMORY = "cpu", "memory", "gpu", "disk", "shared_memory"
_ASKED = (_CPU, _MEMORY, _GPU, _DISK, _SHARED_MEMORY)
"""The arguments of @resources that concern a container; memory and storage in MB."""


FLOOR_MB = 400
"""The least memory that a container gets by @resources: the run itself, with a foreach of 100 trivial tasks, has used up
to 295 MB in control groups (`python -m tests.bench.floor`), and was killed with 256; a client of S3 takes 30 MB more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The largest request of one kind, and the step that makes it."""

    name: str
    value: float
    step: str
    asked: float | None = None
    """What the step asks for, if that is less than the run itself needs."""

    def __str__(self) -> str:
        if self.asked is None:
            return f"{self.name}={self.value:g}"
        return f"{self.name}={self.asked:g} (a run itself needs {self.value:g})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSize:
    """The job variables that give a container its size, the reason in words, and what cannot be had.

    `asked` is the largest request of each kind.
    `cpu` (vCPUs) and `memory` (MB) are what the container has, as far as it is known; `rate` is what it costs.
    """

    variables: Mapping[str, Any]
    cpu: float | None = None
    memory: float | None = None
    rate: Rate | None = None
    asked: str = ""
    lines: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


_SIZING = (
    *(_CPU, _MEMORY, _GPU, "gpu_type"),
    *("gpu_enabled", "billing_gpu_enabled", "billing_gpu_type", "billing_gpu_count"),
)
"""The job variables of a `northflank` work pool from which its worker chooses a plan."""

_Unit = Callable[[float], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variable:
    """A job variable of a type of work pool, and how it writes a request."""

    name: str
    write: _Unit


def _mebibytes(value: float) -> str:
    return f"{math.ceil(value)}Mi"


_OF_POOL: Mapping[str, Mapping[str, tuple[_Variable, ...]]] = {
    "northflank": {
        _CPU: (_Variable(name="cpu", write=float),),
        _MEMORY: (_Variable(name="memory", write=math.ceil),),
        _GPU: (_Variable(name="gpu", write=math.ceil),),
        _DISK: (_Variable(name="disk", write=math.ceil),),
        _SHARED_MEMORY: (_Variable(name="shared_memory", write=math.ceil),),
    },
    # 1,024 CPU units are a vCPU (prefect-aws, ECSVariables).
    "ecs": {
        _CPU: (_Variable(name="cpu", write=lambda value: math.ceil(value * 1024)),),
        _MEMORY: (_Variable(name="memory", write=math.ceil),),
    },
    "docker": {_MEMORY: (_Variable(name="mem_limit", write=lambda value: f"{math.ceil(value)}m"),)},
    "cloud-run": {
        _CPU: (_Variable(name="cpu", write=math.ceil),),
        _MEMORY: (_Variable(name="memory", write=_mebibytes),),
    },
    "cloud-run-v2": {
        _CPU: (_Variable(name="cpu", write=lambda value: str(math.ceil(value))),),
        _MEMORY: (_Variable(name="memory", write=_mebibytes),),
    },
    "azure-container-instance": {
        _CPU: (_Variable(name="cpu", write=float),),
        _MEMORY: (_Variable(name="memory", write=lambda value: math.ceil(value / 1024 * 100) / 100),),
    },
    # Prefect's own template has none of them; the usual names of templates that were extended.
    "kubernetes": {
        _CPU: tuple(_Variable(name=name, write=lambda v: f"{v:g}") for name in ("cpu_request", "cpu_limit", "cpu")),
        _MEMORY: tuple(_Variable(name=name, write=_mebibytes) for name in ("memory_request", "memory_limit", "memory")),
    },
}  # fmt: skip
"""How each type of work pool takes the size of a container; only variables that the pool's template has are used."""


def container_size(flow: ir.Flow, chosen: Mapping[str, Any], pool: WorkPool) -> ContainerSize:
    """Return the size of the container in *pool*; *chosen* are the job variables that the options set."""
    requests, findings = _largest(flow)
    size = _size(_with_floor(requests), findings, chosen, pool)
    return size if pool.is_local else replace(size, asked=", ".join(map(str, requests)))


def _size(
    requests: tuple[Request, ...],
    findings: tuple[Finding, ...],
    chosen: Mapping[str, Any],
    pool: WorkPool,
) -> ContainerSize:
    from prefect_northflank.api.plans import published

    if findings or not requests or pool.is_local:
        if pool.type != "northflank":
            return ContainerSize(variables={}, findings=findings)
        named = _named_plan(chosen, pool)
        lines = _too_small(published(named)) if named else ()
        rate = _rate_without_requests(chosen, pool)
        return ContainerSize(variables={}, findings=findings, rate=rate, lines=lines)
    names = _OF_POOL.get(pool.type, {})
    if pool.type == "northflank" and (plan := _named_plan(chosen, pool)):
        storage = {_DISK, _SHARED_MEMORY}
        kept = [request for request in requests if request.name in storage]
        found = published(plan)
        return ContainerSize(
            variables=_variables(kept, names, chosen, pool),
            cpu=found.cpu,
            memory=found.memory,
            rate=_rate_of_named(plan, {**_defaults(pool), **chosen}),
            lines=(f"plan {plan}, which is named; {_in_words(requests)}", *_too_small(found)),
        )
    variables = _variables(requests, names, chosen, pool)
    given = {**_defaults(pool), **chosen}
    if not variables and not _is_settled(requests, names, given):
        return ContainerSize(
            variables={},
            lines=(
                f"as in work pool {pool}, which has no job variable for it: {_in_words(requests)}",
            ),
        )
    if pool.type == "northflank":
        return _on_northflank(requests, variables, given)
    sizes = {
        request.name: request.value
        for request in requests
        if any(variable.name in variables for variable in names.get(request.name, ()))
    }
    return ContainerSize(
        variables=variables,
        cpu=sizes.get(_CPU),
        memory=sizes.get(_MEMORY),
        lines=(_in_words(requests),),
    )


def _with_floor(requests: tuple[Request, ...]) -> tuple[Request, ...]:
    """Raise a request for memory to what the run itself needs."""
    return tuple(
        replace(request, value=FLOOR_MB, asked=request.value)
        if request.name == _MEMORY and request.value < FLOOR_MB
        else request
        for request in requests
    )


def _largest(flow: ir.Flow) -> tuple[tuple[Request, ...], tuple[Finding, ...]]:
    largest: dict[str, Request] = {}
    findings = []
    for step in flow.steps:
        # A step with @northflank has a container of its own.
        for resource in step.resources if step.container is None else ():
            if resource.name not in _ASKED:
                continue
            value = _number(resource.value)
            if value is None:
                findings.append(
                    Finding(
                        where=f"step {step.name}",
                        feature=f"@resources({resource.name}={resource.value})",
                        reason="it is not a number",
                        remedy=f"write a number{_unit(resource.name)}",
                    )
                )
            elif value > largest.get(resource.name, _NOTHING).value:
                largest[resource.name] = Request(name=resource.name, value=value, step=step.name)
    return tuple(largest[name] for name in _ASKED if name in largest), tuple(findings)


_NOTHING = Request(name="", value=0, step="")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _unit(name: str) -> str:
    return "" if name in {_CPU, _GPU} else " of MB"


def _variables(
    requests: list[Request] | tuple[Request, ...],
    names: Mapping[str, tuple[_Variable, ...]],
    chosen: Mapping[str, Any],
    pool: WorkPool,
) -> dict[str, Any]:
    offered = (pool.template.get("variables") or {}).get("properties") or {}
    defaults = _defaults(pool)
    return {
        variable.name: variable.write(request.value)
        for request in requests
        for variable in names.get(request.name, ())
        if variable.name in offered and variable.name not in {**defaults, **chosen}
    }


def _is_settled(
    requests: tuple[Request, ...],
    names: Mapping[str, tuple[_Variable, ...]],
    given: Mapping[str, Any],
) -> bool:
    """Say whether the options or the pool's template set a job variable for one of *requests*."""
    return any(
        variable.name in given for request in requests for variable in names.get(request.name, ())
    )


def _defaults(pool: WorkPool) -> Mapping[str, Any]:
    """Return the values that the pool's template gives to its variables."""
    properties = (pool.template.get("variables") or {}).get("properties") or {}
    return {
        name: schema["default"]
        for name, schema in properties.items()
        if isinstance(schema, Mapping) and schema.get("default") is not None
    }


def _named_plan(chosen: Mapping[str, Any], pool: WorkPool) -> str | None:
    """Return the plan that the options or the template name; the worker's default names none."""
    from prefect_northflank.api.plans import DEFAULT_PLAN

    names = ("deployment_plan", "billing_deployment_plan")
    by_option = [str(chosen[name]) for name in names if chosen.get(name)]
    defaults = _defaults(pool)
    by_pool = [
        str(defaults[name]) for name in names if defaults.get(name, DEFAULT_PLAN) != DEFAULT_PLAN
    ]
    return next(iter((*by_option, *by_pool)), None)


def _too_small(plan: Plan) -> tuple[str, ...]:
    """Warn of a plan that is named and has less memory than a run itself needs."""
    if plan.memory is None or plan.memory >= FLOOR_MB:
        return ()
    return (
        f"plan {plan.id} has {plan.memory} MB of memory; a run itself needs {FLOOR_MB} MB, so that it may be killed",
    )


def _rate(plan: Plan) -> Rate | None:
    price = plan.dollars_per_hour
    return None if price is None else Rate(plan=plan.id, dollars_per_hour=price)


def _rate_of_named(plan: str, given: Mapping[str, Any]) -> Rate | None:
    """Return the price of a plan that is named; None with GPUs, which cost more than the plan."""
    from prefect_northflank.api.plans import published

    return None if _has_gpus(given) else _rate(published(plan))


def _rate_without_requests(chosen: Mapping[str, Any], pool: WorkPool) -> Rate | None:
    """Return the price of the plan that options and template alone give a container."""
    from prefect_northflank.api.plans import DEFAULT_PLAN, PUBLISHED, Needs, cheapest
    from prefect_northflank.errors import ConfigurationError

    given = {**_defaults(pool), **chosen}
    if plan := _named_plan(chosen, pool):
        return _rate_of_named(plan, given)
    needs = _needs(given)
    if needs is None:
        return None
    if needs == Needs():
        return _rate_of_named(DEFAULT_PLAN, given)
    try:
        return _rate(cheapest(needs, PUBLISHED))
    except ConfigurationError:
        return None


def _needs(wanted: Mapping[str, Any]) -> Needs | None:
    """Return what the worker will look for; None if only Prefect knows, which resolves references when a run begins.

    The work pool's schema refuses a value that is wrong.
    """
    from prefect_northflank.job.settings import JobSettings

    try:
        return JobSettings.model_validate(
            {name: wanted[name] for name in _SIZING if name in wanted}
        ).needs
    except ValidationError:
        return None


def _has_gpus(given: Mapping[str, Any]) -> bool:
    return any(given.get(name) for name in (_GPU, "gpu_enabled", "billing_gpu_enabled"))


def _on_northflank(
    requests: tuple[Request, ...], variables: Mapping[str, Any], given: Mapping[str, Any]
) -> ContainerSize:
    """Look the plan up that the worker will choose, so that a request beyond all plans is refused here."""
    from prefect_northflank.api.plans import DEFAULT_PLAN, PUBLISHED, Needs, cheapest
    from prefect_northflank.errors import ConfigurationError

    needs = _needs({**given, **variables})
    if needs is None:
        return ContainerSize(variables=variables, lines=(_in_words(requests),))
    if needs == Needs():
        rate = _rate_of_named(DEFAULT_PLAN, given)
        return ContainerSize(variables=variables, rate=rate, lines=(_in_words(requests),))
    try:
        plan = cheapest(needs, PUBLISHED)
    except ConfigurationError as error:
        return ContainerSize(variables=variables, findings=tuple(_beyond(requests, error)))
    if _MEMORY not in {**given, **variables} and (plan.memory or FLOOR_MB) < FLOOR_MB:
        floor = Request(name=_MEMORY, value=FLOOR_MB, step="the run itself")
        return _on_northflank((*requests, floor), {**variables, _MEMORY: FLOOR_MB}, given)
    price = "" if plan.dollars_per_hour is None else f", ${plan.dollars_per_hour:g} an hour"
    size = f" ({plan.size}{price})" if plan.size else ""
    more = f"; no plan has fewer than its {plan.gpus} GPUs" if plan.gpus > needs.gpus else ""
    return ContainerSize(
        variables=variables,
        cpu=plan.cpu,
        memory=plan.memory,
        rate=_rate(plan),
        lines=(f"plan {plan.id}{size}: {_in_words(requests)}{more}",),
    )


def _beyond(requests: tuple[Request, ...], error: Any) -> Iterator[Finding]:
    """Refuse the steps whose requests no plan has, each with all that it asks for."""
    for step, asked in _by_step(requests).items():
        yield Finding(
            where=f"step {step}",
            feature=f"@resources({', '.join(map(str, asked))})",
            reason=error.why,
            remedy=error.remedy,
        )


def _by_step(requests: list[Request] | tuple[Request, ...]) -> dict[str, list[Request]]:
    steps: dict[str, list[Request]] = {}
    for request in requests:
        steps.setdefault(request.step, []).append(request)
    return steps


def _in_words(requests: list[Request] | tuple[Request, ...]) -> str:
    return "; ".join(
        f"{step} asks for {', '.join(map(str, asked))}"
        for step, asked in _by_step(requests).items()
    )
