"""Check job variables against their work pool's schema, before anything is created; pure.

The schema is the pool's own (`variables` of its base job template), with the rules of the author of its type.
An `errorMessage` beside a rule explains the rule to people.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from metaflow_prefect.errors import Finding

_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_LONGEST_LIST = 8
"""Longer lists of names are not shown in one line."""


def findings(chosen: Mapping[str, Any], template: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return what is wrong with the *chosen* job variables in a pool with the base job template *template*."""
    schema = template.get("variables") or {}
    properties = schema.get("properties") or {}
    if not properties:
        # A pool that no worker has completed yet, or one that takes any variable.
        return ()
    placeholders = _PLACEHOLDER.findall(json.dumps(template.get("job_configuration") or {}))
    known = dict.fromkeys((*properties, *placeholders))
    unknown = [name for name in chosen if name.partition(".")[0] not in known]
    return (
        *(_unknown(name, list(known)) for name in unknown),
        *_unfit({name: value for name, value in chosen.items() if name in properties}, schema),
    )


def _unknown(name: str, known: list[str]) -> Finding:
    near = get_close_matches(name, known, n=1)
    listed = ", ".join(known) if len(known) <= _LONGEST_LIST else ""
    return Finding(
        where=f"job variable {name}",
        feature="its name",
        reason="the work pool has no such variable, and would ignore it",
        remedy=f"did you mean {near[0]}?" if near else
        f"use one of: {listed}" if listed else
        "`prefect work-pool inspect` lists its variables",
    )  # fmt: skip


def _unfit(chosen: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Finding]:
    # The check that the server makes when a deployment is created, there with one error at a time.
    from prefect.utilities.schema_tools import validate

    known = {name: value for name, value in chosen.items() if not _is_resolved_later(value)}
    errors = validate(dict(known), dict(schema), ignore_required=True, allow_none_with_default=True)
    seen: set[str] = set()
    for error in errors:
        name = str(next(iter(error.absolute_path), ""))
        if name in seen:
            continue
        seen.add(name)
        yield Finding(
            where=f"job variable {name}",
            # A value with parts may contain secrets.
            feature="its value"
            if isinstance(known.get(name), (dict, list))
            else repr(known.get(name)),
            reason=_reason(error),
            remedy=_remedy(known.get(name), schema["properties"].get(name), schema),
        )


def _is_resolved_later(value: Any) -> bool:
    """Say whether Prefect replaces the value by that of a block or variable when a run begins."""
    return "{{" in json.dumps(value, default=str) or (isinstance(value, dict) and "$ref" in value)


def _reason(error: Any) -> str:
    """Return in words the innermost rule that the value breaks."""
    inner = [item for item in error.context or () if item.schema.get("type") != "null"]
    if inner:
        return " or ".join(dict.fromkeys(_reason(item) for item in inner))
    message = error.schema.get("errorMessage") if isinstance(error.schema, Mapping) else None
    return str(message or f"it {error.message.removeprefix(repr(error.instance)).strip()}")


def _remedy(value: Any, rule: Any, schema: Mapping[str, Any]) -> str:
    allowed = list(dict.fromkeys(_allowed(rule, schema)))
    near = get_close_matches(str(value), allowed, n=1)
    if near:
        return f"did you mean {near[0]}?"
    if allowed:
        return f"use one of: {', '.join(allowed)}"
    return "correct it"


def _allowed(rule: Any, schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts that an enumeration in *rule* allows, through references to the schema's definitions."""
    if isinstance(rule, list):
        for item in rule:
            yield from _allowed(item, schema)
    elif isinstance(rule, Mapping):
        yield from (item for item in rule.get("enum", ()) if isinstance(item, str))
        name = str(rule.get("$ref", "")).rpartition("/")[2]
        definitions = schema.get("definitions") or schema.get("$defs") or {}
        for part in (*map(rule.get, ("anyOf", "allOf", "oneOf", "then")), definitions.get(name)):
            yield from _allowed(part, schema)
