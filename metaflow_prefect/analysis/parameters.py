"""Metaflow's parameters as plain values, their defaults evaluated and checked by Metaflow's own types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from metaflow_prefect.errors import Finding
from metaflow_prefect.ir import Json, Parameter, ParameterType

_BY_CLICK_NAME = {
    "text": ParameterType.STR,
    "integer": ParameterType.INT,
    "integer range": ParameterType.INT,
    "float": ParameterType.FLOAT,
    "float range": ParameterType.FLOAT,
    "boolean": ParameterType.BOOL,
    "choice": ParameterType.STR,
    "JSON": ParameterType.JSON,
    # IncludeFile: the value is a path, which `init` reads and stores.
    "FilePath": ParameterType.STR,
}


def parameters(flow: Any) -> tuple[tuple[Parameter, ...], tuple[Finding, ...]]:
    """Return the parameters of *flow* in its order, and those that cannot be honoured.

    Evaluates deploy-time functions, as Metaflow does when a flow is deployed.
    """
    found: list[Parameter] = []
    findings: list[Finding] = []
    seen: set[str] = set()
    for declared in _declared(flow):
        kind = _click_type(declared)
        parameter_type = _BY_CLICK_NAME.get(kind.name)
        if parameter_type is None:
            findings.append(_unknown_type(declared.name, kind.name))
            continue
        if declared.name.lower() in seen:
            findings.append(_declared_twice(declared.name))
            continue
        seen.add(declared.name.lower())
        try:
            found.append(_parameter(declared, kind, parameter_type))
        except _UnfitDefault as unfit:
            findings.append(_unfit_default(declared.name, unfit))
    return tuple(found), tuple(findings)


def _declared(flow: Any) -> Iterator[Any]:
    for _, parameter in flow._get_parameters():  # noqa: SLF001  as Metaflow's own deployers do
        if not parameter.IS_CONFIG_PARAMETER:
            yield parameter


def _click_type(declared: Any) -> Any:
    from metaflow._vendor import click

    return click.types.convert_type(declared.kwargs.get("type"))


def _parameter(declared: Any, kind: Any, parameter_type: ParameterType) -> Parameter:
    default = _default(declared, kind)
    return Parameter(
        name=declared.name,
        type=parameter_type,
        default=default,
        required=bool(declared.kwargs.get("required")) and default is None,
        help=declared.kwargs.get("help") or "",
        separator=declared.separator,
        choices=tuple(getattr(kind, "choices", ())),
    )


def _default(declared: Any, kind: Any) -> Json:
    """Return the default as a Prefect server will hold it.

    Raises:
        _UnfitDefault: Metaflow's own type does not take it, or JSON cannot say it.
    """
    from metaflow._vendor import click
    from metaflow.parameters import DeployTimeField

    value = declared.kwargs.get("default")
    if isinstance(value, DeployTimeField):
        value = value(deploy_time=kind.name != "FilePath")
    if value is None or kind.name == "FilePath":
        return cast("Json", value)
    try:
        # Through JSON and back: what the server will hold, and no type of the user's own.
        return cast("Json", json.loads(json.dumps(kind.convert(value, None, None))))
    except (click.ClickException, TypeError, ValueError) as error:
        raise _UnfitDefault(str(error)) from error


class _UnfitDefault(Exception):
    """A default that a parameter of its type cannot have; says why."""


def _unfit_default(name: str, unfit: _UnfitDefault) -> Finding:
    return Finding(
        where=f"parameter {name}",
        feature="its default",
        reason=f"it does not fit its type: {unfit}",
        remedy="correct the default or the type in the flow's file",
    )


def _unknown_type(name: str, kind: str) -> Finding:
    return Finding(
        where=f"parameter {name}",
        feature=f"type {kind}",
        reason="its values can't be sent to a Prefect flow run",
        remedy="use str, int, float, bool, JSONType, click.Choice or IncludeFile",
    )


def _declared_twice(name: str) -> Finding:
    return Finding(
        where=f"parameter {name}",
        feature="a name used twice",
        reason="Metaflow's parameter names do not tell upper from lower case",
        remedy="rename one of them",
    )
