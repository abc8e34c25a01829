"""A deployment's automations: what starts it, and who is told how it ends. Pure: bodies of API requests.

The fields are those of Prefect's automations (docs.prefect.io/v3/concepts/event-triggers); the
templates are its server's Jinja, in which `event` is the event that fired and `events` all of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.deploy.plan.options import Notification, NotifyOn
from metaflow_prefect.deploy.plan.plan import DeploymentPlan
from metaflow_prefect.render import TRIGGERED_BY

_TRUE = '["1", "true", "t", "yes", "y", "on"]'
_FALSE = '["0", "false", "f", "no", "n", "off"]'

_AS_TYPED: Mapping[ir.ParameterType, str] = {
    # Events that others publish have texts for numbers. What cannot be read, or would lose something, stays
    # as it is, so that the server's check of the parameters names it.
    ir.ParameterType.STR: "v | tojson if v is number else v",
    ir.ParameterType.INT: "v | int(v) if v is string and (v | int) == (v | float) else v",
    ir.ParameterType.FLOAT: "v | float(v) if v is string and (v | float) * 0 == 0 else v",
    ir.ParameterType.BOOL: f"(true if v | lower in {_TRUE} else false if v | lower in {_FALSE} else v) if v is string else v",
    ir.ParameterType.JSON: "v",
}

_IS_JSON_TO_READ = "v is string and not (v | trim).startswith('\"')"
"""Of a JSONType parameter: texts that the server is to read as JSON, and to start no run where it cannot.
A text that holds a text remains JSON, which the run's beginning reads."""

_ENDS = {
    NotifyOn.ERROR: ("prefect.flow-run.Failed", "prefect.flow-run.TimedOut", "prefect.flow-run.Crashed"),
    NotifyOn.SUCCESS: ("prefect.flow-run.Completed",),
}  # fmt: skip


def owner(deployment_id: str) -> str:
    """Return the resource that owns a deployment's automations, as Prefect's own deployments name it."""
    return f"prefect.deployment.{deployment_id}"


def name(full_name: str, purpose: str) -> str:
    """Return the name of an automation; no other deployment's begins in the same way."""
    return f"{full_name}: {purpose}"


def bodies(
    planned: DeploymentPlan, deployment_id: str, blocks: Mapping[str, str]
) -> tuple[dict[str, Any], ...]:
    """Return every automation of the deployment; *blocks* gives the id of each notification block."""
    automations = []
    if planned.triggers is not None:
        automations.append(
            {
                "name": name(planned.full_name, "start"),
                "description": "Made by metaflow-prefect-northflank from @trigger or @trigger_on_finish.",
                "trigger": trigger(planned.triggers),
                "actions": [
                    {
                        "type": "run-deployment",
                        "source": "selected",
                        "deployment_id": deployment_id,
                        "parameters": run_parameters(planned),
                    }
                ],
            }
        )
    automations.extend(
        _notification(planned, notification, deployment_id, blocks)
        for notification in planned.notifications
    )
    return tuple(
        {**automation, "enabled": True, "owner_resource": owner(deployment_id)}
        for automation in automations
    )


def trigger(triggers: ir.Triggers) -> dict[str, Any]:
    """Return the trigger that waits for one event, for all of several, or for any of them."""
    single = [
        {
            "type": "event",
            "posture": "Reactive",
            "expect": [event.event],
            "threshold": 1,
            "within": 0,
        }
        for event in triggers.events
    ]
    if len(single) == 1:
        return single[0]
    return {
        "type": "compound",
        "require": "any" if triggers.is_any else "all",
        "within": triggers.within_seconds,
        "triggers": single,
    }


def run_parameters(planned: DeploymentPlan) -> dict[str, Any]:
    """Return the parameters of a triggered run: templates over the events' payloads."""
    assert planned.triggers is not None  # noqa: S101  asked for a deployment that waits for events
    by_name = {parameter.name: parameter for parameter in planned.flow_parameters}
    parameters = {
        planned.keys[field.parameter]: _rendered(
            _value(event.event, field.name, by_name[field.parameter])
        )
        for event in planned.triggers.events
        for field in event.fields
    }
    return {**parameters, TRIGGERED_BY: _rendered(_started_by(planned.triggers))}


def _value(event: str, field: str, parameter: ir.Parameter) -> str:
    # Python's literals of JSON's values are Jinja's as well; JSON's null is not.
    default = repr(parameter.default)
    found = f'(events | selectattr("event", "equalto", {json.dumps(event)}) | map(attribute="payload") | list)'
    pick = f"{found}[-1].get({json.dumps(field)}, {default}) if {found} else {default}"
    typed = _AS_TYPED[parameter.type]
    if parameter.separator is not None:
        typed = _joined(parameter.separator, typed)
    read = f"v if {_IS_JSON_TO_READ} else " if parameter.type is ir.ParameterType.JSON else ""
    return f"{{% set v = {pick} %}}{{{{ {read}({typed}) | tojson }}}}"


def _joined(separator: str, otherwise: str) -> str:
    """Return what makes one text of a list, as `values.joined` does; any other value is as in *otherwise*."""
    text = f"(v | join({separator!r}))"
    is_list = "v is sequence and v is not string and v is not mapping"
    is_plain = "not v | reject('string') | reject('integer') | reject('float') | list"
    is_whole = f"(not v or {text}.split({separator!r}) | length == v | length)"
    return f"{text} if {is_list} and {is_plain} and {is_whole} else {otherwise}"


def _started_by(triggers: ir.Triggers) -> str:
    runs = json.dumps([event.event for event in triggers.events if event.flow is not None])
    item = (
        '{"name": e.event, "id": e.payload.get("id", e.id | string), '
        '"timestamp": e.payload.get("timestamp") or e.occurred.timestamp() | int, '
        f'"type": "run" if e.event in {runs} else "event"}}'
    )
    # Of several events the last comes twice: as one of them, and as the one that completed them.
    return (
        f"[{{% for e in events | unique(attribute='id') %}}{{{{ {item} | tojson }}}}"
        "{% if not loop.last %},{% endif %}{% endfor %}]"
    )


def _rendered(template: str) -> dict[str, Any]:
    return {
        "__prefect_kind": "json",
        "value": {"__prefect_kind": "jinja", "template": template},
    }


def _notification(
    planned: DeploymentPlan,
    notification: Notification,
    deployment_id: str,
    blocks: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "name": name(planned.full_name, f"tell {notification.block} of {notification.on.value}"),
        "description": "Made by metaflow-prefect-northflank from --notify-on-error or --notify-on-success.",
        "trigger": {
            "type": "event",
            "posture": "Reactive",
            "expect": list(_ENDS[notification.on]),
            "match": {"prefect.resource.id": "prefect.flow-run.*"},
            "match_related": {
                "prefect.resource.id": owner(deployment_id),
                "prefect.resource.role": "deployment",
            },
            "for_each": ["prefect.resource.id"],
            "threshold": 1,
            "within": 0,
        },
        "actions": [
            {
                "type": "send-notification",
                "block_document_id": blocks[notification.block],
                "subject": f"{planned.full_name}: {{{{ flow_run.state.name }}}}",
                "body": "Run {{ flow_run.name }} (Metaflow run prefect-{{ flow_run.id }}) ended as "
                "{{ flow_run.state.name }}: {{ flow_run.state.message }}\n{{ flow_run | ui_url }}",
            }
        ],
    }
