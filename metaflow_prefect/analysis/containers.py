"""What @northflank asks for, merged with @resources, as plain values; and what of it cannot be had."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from metaflow_prefect.errors import Finding
from metaflow_prefect.ir import Container, Resource

_COUNTS = ("tasks_per_container", "at_once", "max_containers")
_AMOUNTS = ("cpu", "memory", "gpu", "disk", "shared_memory")
_OTHERS = ("kubernetes", "batch", "slurm", "snowpark", "nvidia", "nvct")
"""Decorators that send a step elsewhere; `support` refuses them anyway, here they contradict @northflank."""


def container(decorators: Iterable[Any]) -> Container | None:
    """Return the container that a step asks for; None if it has no @northflank, or one that is refused."""
    listed = list(decorators)
    decorator = _decorator(listed)
    if decorator is None or any(_wrong_values(decorator)) or any(_wrong_resources(listed)):
        return None
    given = decorator.attributes
    return Container(
        resources=_resources(listed, decorator),
        gpu_type=_text(given["gpu_type"]),
        plan=_text(given["plan"]),
        image=_text(given["image"]),
        pool=_text(given["pool"]),
        job_variables=json.dumps(_variables(given["job_variables"]) or {}, sort_keys=True),
        tasks=_count(given["tasks_per_container"]),
        at_once=_count(given["at_once"]),
        limit=_count(given["max_containers"]),
    )


def findings(graph: Any) -> tuple[Finding, ...]:
    """Return what is wrong with the uses of @northflank, in the order of the source."""
    nodes = sorted(graph, key=lambda node: node.func_lineno)
    widened = {target for node in graph if node.type == "foreach" for target in node.out_funcs}
    return tuple(
        finding
        for node in nodes
        if (decorator := _decorator(node.decorators)) is not None
        for finding in (
            *_refused_values(node.name, decorator),
            *_refused_resources(node),
            *_beside_others(node),
            *_without_foreach(node, decorator, widened),
        )
    )


def _decorator(decorators: Iterable[Any]) -> Any | None:
    return next((item for item in decorators if item.name == "northflank"), None)


def _resources(decorators: list[Any], decorator: Any) -> tuple[Resource, ...]:
    # As @batch and @kubernetes merge them, with their defaults.
    from metaflow.plugins.aws.aws_utils import compute_resource_attributes

    merged = compute_resource_attributes(decorators, decorator, decorator.resource_defaults)
    return tuple(
        Resource(name=name, value=str(merged[name]))
        for name in _AMOUNTS
        if merged.get(name) not in (None, "", "0", "0.0")
    )


def _refused_values(step: str, decorator: Any) -> Iterator[Finding]:
    for name, wanted in _wrong_values(decorator):
        yield Finding(
            where=step,
            feature=f"@northflank({name}={decorator.attributes[name]!r})",
            reason=f"it is not {wanted}",
            remedy=f"write {wanted}, or leave {name} out",
        )


def _refused_resources(node: Any) -> Iterator[Finding]:
    for name, value in _wrong_resources(node.decorators):
        yield Finding(
            where=node.name,
            feature=f"@resources({name}={value!r})",
            reason="it is not a number of at least 0, from which @northflank could size the container",
            remedy=f"write a number of at least 0, or leave {name} out",
        )


def _wrong_resources(decorators: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    for decorator in decorators:
        if decorator.name == "resources":
            for name in _AMOUNTS:
                value = decorator.attributes.get(name)
                if value not in (None, "") and not _is_amount(value):
                    yield name, value


def _wrong_values(decorator: Any) -> Iterator[tuple[str, str]]:
    given = decorator.attributes
    for name in _COUNTS:
        if given[name] is not None and _count(given[name]) is None:
            yield name, "a whole number above 0"
    for name in _AMOUNTS:
        if given[name] is not None and not _is_amount(given[name]):
            yield name, "a number of at least 0"
    if given["job_variables"] is not None and _variables(given["job_variables"]) is None:
        yield "job_variables", "a dictionary of job variables"


def _beside_others(node: Any) -> Iterator[Finding]:
    for decorator in node.decorators:
        if decorator.name in _OTHERS:
            yield Finding(
                where=node.name,
                feature=f"@northflank beside @{decorator.name}",
                reason="a step runs in one place",
                remedy=f"take @{decorator.name} or @northflank out",
            )


def _without_foreach(node: Any, decorator: Any, widened: set[str]) -> Iterator[Finding]:
    if not decorator.statically_defined:
        # `--with northflank:tasks_per_container=10` is meant for the steps that it makes sense for.
        return
    for name in ("tasks_per_container", "at_once"):
        if (count := _count(decorator.attributes[name]) or 1) > 1 and node.name not in widened:
            yield Finding(
                where=node.name,
                feature=f"@northflank({name}={count})",
                reason="only tasks of a step right after a foreach share a container",
                remedy=f"leave {name} out",
            )


def _count(value: Any) -> int | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number >= 1 and number.is_integer() else None


def _is_amount(value: Any) -> bool:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    return math.isfinite(number) and number >= 0


def _text(value: Any) -> str | None:
    return str(value) if value else None


def _variables(value: Any) -> Mapping[str, Any] | None:
    """Return job variables; after `--with` they are JSON text. None if they are not a dictionary of JSON values."""
    if value is None:
        return None
    try:
        read = json.loads(value) if isinstance(value, str) else json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return None
    return read if isinstance(read, dict) else None
