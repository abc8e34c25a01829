"""Metaflow's parameters as plain values, their defaults evaluated and checked by Metaflow's own types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from metaflow_prefect.errors import Finding
from metaflow_prefect.ir import Json, Parameter, ParameterType
from metaflow_prefect.runtime.flow.parameter_values import json_value

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


def parameters(
    flow: Any, *, are_defaults_wanted: bool = True
) -> tuple[tuple[Parameter, ...], tuple[Finding, ...]]:
    """Return the parameters of *flow* in its order, and what is wrong with the others.

    Evaluates deploy-time functions, as Metaflow does when a flow is deployed. If the defaults are not
    wanted, because every value is known, none is evaluated: a bad default then harms no run.
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
        if several := _taken_several_times(declared):
            findings.append(several)
            continue
        if declared.name.lower() in seen:
            findings.append(_declared_twice(declared.name))
            continue
        seen.add(declared.name.lower())
        try:
            found.append(
                _parameter(declared, kind, parameter_type, is_default_wanted=are_defaults_wanted)
            )
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


def _parameter(
    declared: Any, kind: Any, parameter_type: ParameterType, *, is_default_wanted: bool
) -> Parameter:
    default = _default(declared, kind) if is_default_wanted else None
    is_required = is_default_wanted and bool(declared.kwargs.get("required")) and default is None
    return Parameter(
        name=declared.name,
        type=parameter_type,
        default=default,
        required=is_required,
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
        # Through JSON and back, as the server will have it, without types of the user's own.
        plain = json.loads(json.dumps(kind.convert(value, None, None)))
    except (click.ClickException, TypeError, ValueError) as error:
        raise _UnfitDefault(str(error)) from error
    return cast("Json", json_value(plain) if kind.name == "JSON" else plain)


class _UnfitDefault(Exception):
    """A default that does not fit the type of its parameter; the text says why."""


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


def _taken_several_times(declared: Any) -> Finding | None:
    """Refuse options of click that only a command line can give."""
    several = [name for name in ("multiple", "nargs", "count") if name in declared.kwargs]
    if not several:
        return None
    return Finding(
        where=f"parameter {declared.name}",
        feature=f"{several[0]}={declared.kwargs[several[0]]!r}",
        reason="it takes several words of a command line, and a Prefect flow run has one value",
        remedy="use type=JSONType, or a string with a separator",
    )


def _declared_twice(name: str) -> Finding:
    return Finding(
        where=f"parameter {name}",
        feature="a name used twice",
        reason="Metaflow does not distinguish upper and lower case in parameter names",
        remedy="rename one of them",
    )
