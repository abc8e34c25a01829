"""The parameters of a flow as the JSON schema that Prefect's form and API check values with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.errors import ParameterRefused
from metaflow_prefect.names import option_key
from metaflow_prefect.render import TRIGGERED_BY
from metaflow_prefect.runtime.flow.parameter_values import joined

_TYPES = {
    ir.ParameterType.STR: "string",
    ir.ParameterType.INT: "integer",
    ir.ParameterType.FLOAT: "number",
    ir.ParameterType.BOOL: "boolean",
}

_SEPARATOR = "metaflow_separator"
"""This package's own key in the schema of a parameter whose values are lists joined to one string."""


_WORD = r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrtu])*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null'

_JSON_TEXT = rf"^\s*(?:(?:{_WORD})|[\[{{](?:[\s,:\[\]{{}}]|(?:{_WORD})(?=[\s,:\]}}]))*[\]}}])\s*$"
"""The tokens of a JSON text; no pattern can check how they are nested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """A parameter as a deployment knows it: Metaflow's name, and its key among a flow run's parameters."""

    name: str
    key: str
    separator: str | None = None
    is_required: bool = False


def parameter_schema(
    parameters: tuple[ir.Parameter, ...], keys: Mapping[str, str], *, is_triggered: bool = False
) -> dict[str, Any]:
    """Return the schema of *parameters*; *keys* gives the flow function's argument for each."""
    properties = {
        keys[parameter.name]: _property(parameter, position)
        for position, parameter in enumerate(parameters)
    }
    if is_triggered:
        properties[TRIGGERED_BY] = {
            "title": TRIGGERED_BY,
            "description": "The events that started the run; the deployment's automation fills this in.",
            "position": len(parameters),
            "default": None,
            "anyOf": [{"type": "array", "items": {"type": "object"}}, {"type": "null"}],
        }
    return {
        "title": "Parameters",
        "type": "object",
        "properties": properties,
        "required": [keys[parameter.name] for parameter in parameters if parameter.required],
        # The server then names a key that the flow does not know, and creates no run.
        "additionalProperties": False,
        "definitions": {},
    }


def arguments(schema: Mapping[str, Any]) -> tuple[Argument, ...]:
    """Read the parameters back from the schema that `parameter_schema` has made."""
    return tuple(
        Argument(
            name=item.get("title", key),
            key=key,
            separator=item.get(_SEPARATOR),
            is_required=key in schema.get("required", ()),
        )
        for key, item in schema.get("properties", {}).items()
        if key != TRIGGERED_BY
    )


def flow_run_parameters(
    known: tuple[Argument, ...], values: Mapping[str, Any], deployment: str
) -> dict[str, Any]:
    """Turn values by Metaflow's names (or by click's: `my_param`) into a flow run's parameters.

    A list becomes one string if the parameter was declared with a separator.

    Raises:
        ParameterRefused: the deployment has no such parameter, or the list cannot be joined.
    """
    by_name = {option_key(argument.name): argument for argument in known}
    given: dict[str, Any] = {}
    for name, value in values.items():
        argument = by_name.get(option_key(name))
        if argument is None:
            listed = ", ".join(item.name for item in known) or "none"
            raise ParameterRefused(
                f"{deployment} has no parameter {name!r}; nothing was started.",
                fix=f"use one of: {listed}; deploy the flow again if its parameters have changed",
            )
        if argument.separator is not None and isinstance(value, (list, tuple)):
            text = joined(value, argument.separator)
            if text is None:
                raise ParameterRefused(
                    f"{name}={value!r}: its items must be strings or numbers without {argument.separator!r}, which "
                    "separates them; nothing was started.",
                    fix="give other items, or declare the parameter with type=JSONType",
                )
            given[argument.key] = text
        else:
            given[argument.key] = value
    return given


def _property(parameter: ir.Parameter, position: int) -> dict[str, Any]:
    shown: dict[str, Any] = {"title": parameter.name, "position": position}
    if parameter.help:
        shown["description"] = parameter.help
    if not parameter.required:
        shown["default"] = parameter.default
    if parameter.separator is not None:
        shown[_SEPARATOR] = parameter.separator
    if parameter.type is ir.ParameterType.JSON:
        # No type: Metaflow's JSONType takes any JSON value except null, and parses strings as JSON.
        no_null = (
            {"not": {"anyOf": [{"type": "null"}, {"const": "null"}]}} if parameter.required else {}
        )
        return {**shown, "pattern": _JSON_TEXT, **no_null}
    kind: dict[str, Any] = {"type": _TYPES[parameter.type]}
    if parameter.choices:
        kind["enum"] = list(parameter.choices)
    if parameter.required or parameter.default is not None:
        return {**shown, **kind}
    return {**shown, "anyOf": [kind, {"type": "null"}]}
