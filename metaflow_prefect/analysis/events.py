"""@trigger and @trigger_on_finish as plain values: which events start the flow, and what they set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from metaflow_prefect.errors import Finding
from metaflow_prefect.ir import Field, Parameter, Trigger, Triggers

_EVENT_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_FIELD_NAME = re.compile(r"[A-Za-z0-9_]+")
"""Both are what Metaflow's Argo plugin accepts (`ArgoWorkflows._process_triggers`)."""

_OPTIONS = frozenset({"require", "within"})


def triggers(
    flow_decorators: Iterable[Any], current: Any, parameters: tuple[Parameter, ...]
) -> tuple[Triggers | None, tuple[Finding, ...]]:
    """Return the events that start the flow, and what is wrong with them.

    Evaluates deploy-time functions. `options` may say `require` ("all", the default, or "any") and
    `within` (seconds in which all of them must come).
    """
    waiting = [item for item in flow_decorators if item.name in {"trigger", "trigger_on_finish"}]
    if not waiting:
        return None, ()
    events: list[Trigger] = []
    findings: list[Finding] = []
    options: dict[str, Any] = {}
    for decorator in waiting:
        decorator.format_deploytime_value()
        options.update(decorator.options or {})
        found = tuple(
            _published(decorator.triggers, parameters)
            if decorator.name == "trigger"
            else _finished(decorator.triggers, current)
        )
        events.extend(item for item in found if isinstance(item, Trigger))
        findings.extend(item for item in found if isinstance(item, Finding))
    findings.extend(_bad_options(options))
    if findings:
        return None, tuple(findings)
    return Triggers(
        events=tuple(_mapped_automatically(events, parameters)),
        is_any=options.get("require") == "any",
        within_seconds=options.get("within"),
    ), ()


def _published(
    declared: Iterable[Mapping[str, Any]], parameters: tuple[Parameter, ...]
) -> Iterator[Trigger | Finding]:
    known = {parameter.name.lower(): parameter.name for parameter in parameters}
    taken: set[str] = set()
    for event in declared:
        name, mapping = str(event["name"]), event.get("parameters") or {}
        problem = _problem(name, mapping, known, taken)
        if problem:
            yield _finding(f"@trigger(event={name!r})", problem)
            continue
        taken.update(key.lower() for key in mapping)
        yield Trigger(
            event=name,
            fields=tuple(
                Field(parameter=known[key.lower()], name=field) for key, field in mapping.items()
            ),
        )


def _problem(
    event: str, mapping: Mapping[str, str], known: Mapping[str, str], taken: set[str]
) -> str | None:
    if not _EVENT_NAME.fullmatch(event):
        return "an event's name has letters, digits, `_`, `-` and `.` only"
    for parameter, field in mapping.items():
        if parameter.lower() not in known:
            return f"the flow has no parameter {parameter!r}"
        if parameter.lower() in taken:
            return f"two events set parameter {parameter!r}"
        if not _FIELD_NAME.fullmatch(field):
            return f"field {field!r} of its payload has more than letters, digits and `_`"
    return None


def _finished(declared: Iterable[Mapping[str, Any]], current: Any) -> Iterator[Trigger | Finding]:
    for event in declared:
        flow = str(event["flow"])
        project = event.get("project") or current.get("project_name")
        branch = event.get("branch") or current.get("branch_name")
        if bool(project) != bool(branch):
            yield _finding(
                f"@trigger_on_finish(flow={flow!r})", "it names a project or a branch, but not both"
            )
            continue
        words = (project, branch, flow) if project else (flow,)
        yield Trigger(event=f"metaflow.{'.'.join(words)}.end", flow=flow)


def _mapped_automatically(
    events: list[Trigger], parameters: tuple[Parameter, ...]
) -> Iterator[Trigger]:
    """Let a single published event set the parameters of the same name, as under Argo."""
    for event in events:
        if len(events) == 1 and event.flow is None and not event.fields:
            fields = tuple(Field(parameter=item.name, name=item.name) for item in parameters)
            yield Trigger(event=event.event, fields=fields)
        else:
            yield event


def _bad_options(options: Mapping[str, Any]) -> Iterator[Finding]:
    for name in sorted(set(options) - _OPTIONS):
        yield _finding(f"options={{{name!r}: …}}", "Prefect's automations have nothing like it")
    if options.get("require", "all") not in {"all", "any"}:
        yield _finding(
            f"options={{'require': {options['require']!r}}}", "it is neither all nor any"
        )
    within = options.get("within")
    if within is not None and not (isinstance(within, int) and within > 0):
        yield _finding(f"options={{'within': {within!r}}}", "it is not a number of seconds")


def _finding(feature: str, reason: str) -> Finding:
    return Finding(
        where="flow",
        feature=feature,
        reason=reason,
        remedy="correct it; docs/how-to/events.md shows every form",
    )
