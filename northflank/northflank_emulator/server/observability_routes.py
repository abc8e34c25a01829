"""The routes of metrics and of notification integrations."""

from __future__ import annotations

from northflank_emulator.errors import InvalidRequest, invalid_parameter
from northflank_emulator.execution.metrics import Sample
from northflank_emulator.fields.schema import Json, JsonObject
from northflank_emulator.server import responses
from northflank_emulator.server.routing import Call, Route, data, nothing, one_of, operation, paged
from northflank_emulator.state.clock import iso, parse
from northflank_emulator.state.permissions import Permission

_JOB = "/v1/projects/{project}/jobs/{job}"
_NOTIFICATIONS = "/v1/integrations/notifications"
_NOTIFICATION = f"{_NOTIFICATIONS}/{{notification}}"
_MEGABYTE = 1_000_000
_UNITS = {"cpu": "vCPU", "memory": "mb"}
"""The units of the metrics that the emulator measures; the others are always empty here."""
_METRICS = (
    *_UNITS,
    "networkIngress",
    "networkEgress",
    "tcpConnectionsOpen",
    "diskUsage",
    "requests",
    "http4xxResponses",
    "http5xxResponses",
    "bandwidth",
    "bandwidthVolume",
)


def _names(call: Call) -> tuple[str, str]:
    return call.params["project"], call.params["job"]


def _metrics(call: Call) -> JsonObject:
    """Show what a job's containers used, by metric and container."""
    kind = one_of(call, "queryType", ("range", "single"), "range")
    wanted = call.many("metricTypes") or ("cpu", "memory")
    for unknown in (it for it in wanted if it not in _METRICS):
        raise invalid_parameter("metricTypes", f"{unknown!r} is not one of {', '.join(_METRICS)}")
    run_id, only = call.one("runId"), call.many("containerName")
    runs = (
        [call.api.runs.get(*_names(call), run_id)] if run_id else call.api.runs.all(*_names(call))
    )
    names = [it.name for run in runs for it in run.containers if not only or it.name in only]
    return data({metric: _metric(call, metric, names, kind) for metric in wanted})


def _metric(call: Call, metric: str, containers: list[str], kind: str) -> JsonObject:
    values: list[Json] = []
    for name in containers:
        samples = [it for it in call.api.metrics.of(name) if _in_range(call, it)]
        chosen = samples[-1:] if kind == "single" else samples
        if metric in _UNITS and chosen:
            points: list[Json] = [{"value": _value(metric, it), "ts": iso(it.at)} for it in chosen]
            values.append({"metadata": {"containerId": name}, "data": points})
    info: JsonObject = {
        "metricId": metric,
        "metricUnit": _UNITS.get(metric, ""),
        "metricResolution": 1,
    }
    return {"metricInfo": info, "values": values}


def _value(metric: str, sample: Sample) -> float:
    return sample.vcpu if metric == "cpu" else round(sample.memory_bytes / _MEGABYTE, 3)


def _in_range(call: Call, sample: Sample) -> bool:
    start, end = call.one("startTime"), call.one("endTime")
    try:
        return not (
            (start is not None and sample.at < parse(start))
            or (end is not None and sample.at > parse(end))
        )
    except ValueError as error:
        raise InvalidRequest(
            "Invalid query parameter: startTime and endTime must be ISO 8601 times"
        ) from error


def _create_notification(call: Call) -> JsonObject:
    return data(responses.webhook(call.api.webhooks.create(call.body)))


def _list_notifications(call: Call) -> JsonObject:
    page = call.page(call.api.webhooks.all())
    return paged("notificationIntegrations", page, responses.webhook)


def _get_notification(call: Call) -> JsonObject:
    return data(responses.webhook(call.api.webhooks.get(call.params["notification"])))


def _update_notification(call: Call) -> JsonObject:
    webhook = call.api.webhooks.update(call.params["notification"], call.body)
    return data(responses.webhook(webhook))


def _delete_notification(call: Call) -> JsonObject:
    call.api.webhooks.delete(call.params["notification"])
    return nothing()


ROUTES: tuple[Route, ...] = (
    operation("get.job.metrics", "GET", f"{_JOB}/metrics", Permission.JOB_OBSERVE, _metrics),
    operation(
        "create.notification",
        "POST",
        _NOTIFICATIONS,
        Permission.NOTIFICATION_CREATE,
        _create_notification,
    ),
    operation(
        "list.notifications",
        "GET",
        _NOTIFICATIONS,
        Permission.NOTIFICATION_READ,
        _list_notifications,
    ),
    operation(
        "get.notification", "GET", _NOTIFICATION, Permission.NOTIFICATION_READ, _get_notification
    ),
    operation(
        "update.notification",
        "POST",
        _NOTIFICATION,
        Permission.NOTIFICATION_UPDATE,
        _update_notification,
    ),
    operation(
        "delete.notification",
        "DELETE",
        _NOTIFICATION,
        Permission.NOTIFICATION_DELETE,
        _delete_notification,
    ),
)
