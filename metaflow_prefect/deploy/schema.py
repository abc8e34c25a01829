"""The parameters of a flow as the JSON schema that Prefect's form and API check values with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaflow_prefect import ir

_TYPES = {
    ir.ParameterType.STR: "string",
    ir.ParameterType.INT: "integer",
    ir.ParameterType.FLOAT: "number",
    ir.ParameterType.BOOL: "boolean",
}


def parameter_schema(
    parameters: tuple[ir.Parameter, ...], arguments: Mapping[str, str]
) -> dict[str, Any]:
    """Return the schema of *parameters*; *arguments* gives the flow function's name for each."""
    return {
        "title": "Parameters",
        "type": "object",
        "properties": {
            arguments[parameter.name]: _property(parameter, position)
            for position, parameter in enumerate(parameters)
        },
        "required": [arguments[parameter.name] for parameter in parameters if parameter.required],
        "definitions": {},
    }


def _property(parameter: ir.Parameter, position: int) -> dict[str, Any]:
    shown: dict[str, Any] = {"title": parameter.name, "position": position}
    if parameter.help:
        shown["description"] = parameter.help
    if not parameter.required:
        shown["default"] = parameter.default
    if parameter.type is ir.ParameterType.JSON:
        # No type: any JSON value is one of Metaflow's JSONType.
        return shown
    kind: dict[str, Any] = {"type": _TYPES[parameter.type]}
    if parameter.choices:
        kind["enum"] = list(parameter.choices)
    if parameter.required or parameter.default is not None:
        return {**shown, **kind}
    return {**shown, "anyOf": [kind, {"type": "null"}]}
