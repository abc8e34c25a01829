"""What `deploy` may be asked for, and how its `NAME=VALUE` options are read; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.errors import DeploymentRefused, ParameterRefused, Refusals
from metaflow_prefect.names import option_key
from metaflow_prefect.runtime.flow.parameter_values import json_value


class Collision(str, Enum):
    """What happens to a run that would exceed the deployment's concurrency limit."""

    ENQUEUE = "enqueue"
    CANCEL_NEW = "cancel-new"


class NotifyOn(str, Enum):
    """The ends of a run that a notification can be about."""

    ERROR = "error"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """Notify Prefect's block `block` (`type/name`) of runs that end as `on` says."""

    on: NotifyOn
    block: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployOptions:
    """The options of one `deploy`.

    `work_pool` None means the only pool that can be meant (`gather_context.work_pool`). `is_paused` None
    leaves an existing deployment as it is. `priority` is Prefect's: 1 goes first.
    `job_variables` override all others. `parameter_defaults` are texts, as typed.
    `schedules` are added to the flow's own.
    """

    work_pool: str | None = None
    work_queue: str | None = None
    priority: int | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    is_paused: bool | None = None
    concurrency_limit: int | None = None
    collision: Collision = Collision.ENQUEUE
    image: str | None = None
    namespace: str | None = None
    job_variables: Mapping[str, Any] = field(default_factory=dict)
    parameter_defaults: Mapping[str, str] = field(default_factory=dict)
    notifications: tuple[Notification, ...] = ()
    schedules: tuple[ir.Schedule, ...] = ()

    @property
    def is_datastore_mounted(self) -> bool:
        """Whether they name the folder in which containers find a local datastore."""
        return "METAFLOW_DATASTORE_SYSROOT_LOCAL" in self.job_variables.get("env", {})


def job_variables(assignments: tuple[str, ...]) -> dict[str, Any]:
    """Parse `--job-variable NAME=VALUE`: a value is JSON if it can be read as such, else text.

    `env.NAME=VALUE` sets an environment variable, which is always text.

    >>> job_variables(("cleanup_job=false", "env.DEBUG=1", "project_id=acme"))
    {'cleanup_job': False, 'env': {'DEBUG': '1'}, 'project_id': 'acme'}

    Raises:
        DeploymentRefused: one of them has no `=`, or no name.
    """
    variables: dict[str, Any] = {}
    for name, value in _pairs("--job-variable", assignments):
        if name.startswith("env."):
            variables.setdefault("env", {})[name.removeprefix("env.")] = value
        else:
            variables[name] = _json_or_text(value)
    return variables


def parameter_defaults(assignments: tuple[str, ...]) -> dict[str, str]:
    """Parse `--param-default NAME=VALUE`; the values stay text until the flow's types are known.

    Raises:
        DeploymentRefused: one of them has no `=`, or no name.
    """
    return dict(_pairs("--param-default", assignments))


def with_defaults(
    parameters: tuple[ir.Parameter, ...], texts: Mapping[str, str]
) -> tuple[ir.Parameter, ...]:
    """Return *parameters* with the defaults that *texts* give them.

    Raises:
        ParameterRefused: there is no such parameter, or the text is not a value of its type.
    """
    wanted = {option_key(name): (name, text) for name, text in texts.items()}
    refusals = Refusals()
    changed: list[ir.Parameter] = []
    for parameter in parameters:
        _, text = wanted.pop(option_key(parameter.name), ("", None))
        with refusals.gather():
            changed.append(parameter if text is None else _with_default(parameter, text))
    listed = ", ".join(parameter.name for parameter in parameters) or "none"
    for name, _ in wanted.values():
        refusals.add(
            ParameterRefused(
                f"--param-default {name}: the flow has no such parameter; nothing was created.",
                fix=f"use one of: {listed}",
            )
        )
    refusals.raise_all()
    return tuple(changed)


def _with_default(parameter: ir.Parameter, text: str) -> ir.Parameter:
    try:
        value: ir.Json = _READERS[parameter.type](text)
    except ValueError:
        value = None
    if value is None or (parameter.choices and value not in parameter.choices):
        choices = ", ".join(parameter.choices)
        wanted = f"one of {choices}" if choices else f"of type {parameter.type.value}"
        raise ParameterRefused(
            f"--param-default {parameter.name}={text}: the value must be {wanted}; nothing was created.",
            fix=f"give a value that is {wanted}",
        )
    return replace(parameter, default=value, required=False)


def _boolean(text: str) -> bool:
    """Read what click reads as a boolean."""
    folded = text.strip().lower()
    if folded in {"1", "true", "t", "yes", "y", "on"}:
        return True
    if folded in {"0", "false", "f", "no", "n", "off"}:
        return False
    raise ValueError(text)


_READERS: Mapping[ir.ParameterType, Any] = {
    ir.ParameterType.STR: str,
    ir.ParameterType.INT: int,
    ir.ParameterType.FLOAT: float,
    ir.ParameterType.BOOL: _boolean,
    ir.ParameterType.JSON: lambda text: json_value(json.loads(text)),
}


def _pairs(option: str, assignments: tuple[str, ...]) -> list[tuple[str, str]]:
    pairs = []
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            raise DeploymentRefused(
                f"{option} {assignment!r} is not of the form NAME=VALUE; nothing was created.",
                fix=f"write for example {option} name=value",
            )
        pairs.append((name, value))
    return pairs


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value
