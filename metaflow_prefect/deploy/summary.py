"""The deployment plan in words and as JSON-able data: for people, `--dry-run` and golden files; pure."""

from __future__ import annotations

from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.deploy import automations
from metaflow_prefect.deploy.jobs import payload_bytes
from metaflow_prefect.deploy.plan import DeploymentPlan
from metaflow_prefect.version import VERSION


def summary(planned: DeploymentPlan) -> dict[str, Any]:
    """Return the plan as JSON-able data, the code replaced by its size."""
    (step,) = planned.pull_steps
    queue, limit = planned.work_queue, planned.concurrency
    return {
        "made_by": f"metaflow-prefect-northflank {VERSION}",
        "deployment": planned.full_name,
        "entrypoint": planned.entrypoint,
        "description": planned.description,
        "version": planned.version,
        "tags": list(planned.tags),
        "parameters": dict(planned.parameters),
        "parameter_schema": dict(planned.parameter_schema),
        "schedules": [{"cron": item.cron, "timezone": item.timezone} for item in planned.schedules],
        "paused": planned.is_paused,
        "triggers": None if planned.triggers is None else automations.trigger(planned.triggers),
        "notifications": [
            {"on": item.outcome.value, "block": item.block} for item in planned.notifications
        ],
        "concurrency_limit": None if limit is None else limit.limit,
        "collision": None if limit is None else limit.collision.value,
        "work_pool": planned.work_pool,
        "work_queue": None if queue is None else {"name": queue.name, "priority": queue.priority},
        "job_variables": dict(planned.job_variables),
        "payload_bytes": payload_bytes(step),
    }


def text(planned: DeploymentPlan) -> str:
    """Return the plan as a person reads it."""
    data = summary(planned)
    queue = planned.work_queue
    lines = [
        f"Deployment {planned.full_name} (version {planned.version})",
        _line("work pool", planned.work_pool),
        _line("work queue", queue.name if queue is not None else "the pool's default"),
        _line("tags", ", ".join(planned.tags)),
        *(_line("schedule", item) for item in schedule_lines(planned)),
        *(_line("starts on", item) for item in _events(planned.triggers)),
        *(
            _line(f"on {item.outcome.value}", f"tell {item.block}")
            for item in planned.notifications
        ),
        _line("active runs", _limit(planned)),
        *(_line(f"--{name}", _default(planned, name)) for name in planned.keys),
        *(
            _line("job variable", f"{name}={value}")
            for name, value in planned.job_variables.items()
            if name != "env"
        ),
        *(
            _line("environment", f"{name}={value}")
            for name, value in planned.job_variables["env"].items()
        ),
        _line("code", f"{data['payload_bytes']} bytes, packed, in the deployment itself"),
    ]
    return "\n".join(lines)


def schedule_lines(planned: DeploymentPlan) -> tuple[str, ...]:
    """Return each schedule in words."""
    asleep = "; paused" if planned.is_paused else ""
    return tuple(f"{item.cron} ({item.timezone or 'UTC'}){asleep}" for item in planned.schedules)


def _line(name: str, value: object) -> str:
    return f"    {name:<13} {value}"


def _events(triggers: ir.Triggers | None) -> tuple[str, ...]:
    if triggers is None:
        return ()
    word = "any of" if triggers.is_any else "all of"
    listed = [event.event for event in triggers.events]
    return (listed[0],) if len(listed) == 1 else (f"{word} {', '.join(listed)}",)


def _limit(planned: DeploymentPlan) -> str:
    limit = planned.concurrency
    return "any number" if limit is None else f"{limit.limit}, then {limit.collision.value}"


def _default(planned: DeploymentPlan, name: str) -> str:
    key = planned.keys[name]
    return repr(planned.parameters[key]) if key in planned.parameters else "(required)"
