"""What the containers of a step are to be: @northflank merged with @resources, as Metaflow merges compute decorators."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterable, Mapping
from typing import Any

from metaflow_northflank.settings import Settings

_AMOUNTS = ("cpu", "memory", "gpu", "disk", "shared_memory")

MARGIN_SECONDS = 600
"""What a container may take beside the step's own @timeout: to be placed, to fetch its image and packages, to end."""


def step_needs(decorator: Any, decorators: Iterable[Any], settings: Settings) -> dict[str, Any]:
    """Return what the broker needs to know of a step, as JSON values.

    *job_variables* are those of the `northflank` work pool, as in a deployment; they win over everything else.
    """
    from metaflow.plugins.timeout_decorator import get_run_time_limit_for_task

    listed = list(decorators)
    given = decorator.attributes
    plan = given["plan"] or (None if _asks(listed) else settings.plan)
    deadline = math.ceil(get_run_time_limit_for_task(listed)) + MARGIN_SECONDS
    return {
        "amounts": {} if plan else _amounts(listed, decorator),
        "plan": plan,
        "gpu_type": given["gpu_type"] or settings.gpu_type,
        "image": given["image"] or settings.image or stock_image(),
        "job_variables": given["job_variables"] or {},
        "max_containers": given["max_containers"],
        "deadline": deadline,
    } | ({"amounts": _storage(listed, decorator)} if plan else {})


def stock_image() -> str:
    """Return the image of the Python that runs the flow here, as with Metaflow's own backends."""
    major, minor, _ = platform.python_version_tuple()
    return f"python:{major}.{minor}"


def _asks(decorators: Iterable[Any]) -> bool:
    """Return whether the step itself says what its containers need."""
    return any(
        deco.name in {"northflank", "resources"} and _is_given(deco.attributes)
        for deco in decorators
    )


def _is_given(attributes: Mapping[str, Any]) -> bool:
    # @resources always has cpu=1 and memory=4096, given or not.
    defaults = {"cpu": (None, 1, "1"), "memory": (None, 4096, "4096"), "gpu": (None, 0, "0")}
    return any(attributes.get(name) not in usual for name, usual in defaults.items())


def _amounts(decorators: list[Any], decorator: Any) -> dict[str, Any]:
    from metaflow.plugins.aws.aws_utils import compute_resource_attributes

    merged = compute_resource_attributes(decorators, decorator, decorator.resource_defaults)
    return {
        name: merged[name] for name in _AMOUNTS if merged.get(name) not in (None, "", "0", "0.0")
    }


def _storage(decorators: list[Any], decorator: Any) -> dict[str, Any]:
    """Return what a named plan does not say."""
    return {
        name: value
        for name, value in _amounts(decorators, decorator).items()
        if name in {"disk", "shared_memory"}
    }
