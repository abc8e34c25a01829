"""The deployment plan in words and as JSON-able data: for people, `--dry-run` and golden files; pure."""

from __future__ import annotations

from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.deploy.plan import automations
from metaflow_prefect.deploy.plan.plan import DeploymentPlan
from metaflow_prefect.deploy.plan.schedules import in_words
from metaflow_prefect.version import VERSION


def summary(planned: DeploymentPlan) -> dict[str, Any]:
    """Return the plan as JSON-able data, the code replaced by its size."""
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
            {"on": item.on.value, "block": item.block} for item in planned.notifications
        ],
        "concurrency_limit": None if limit is None else limit.limit,
        "collision": None if limit is None else limit.collision.value,
        "work_pool": planned.work_pool,
        "work_queue": None if queue is None else {"name": queue.name, "priority": queue.priority},
        "container": list(planned.container),
        **_steps(planned),
        "job_variables": dict(planned.job_variables),
        "secret_environment": list(planned.captured.names),
        "payload_bytes": planned.code.size,
        "payload_in": _place(planned),
    }


def text(planned: DeploymentPlan) -> str:
    """Return the plan as a person reads it."""
    queue = planned.work_queue
    variables = planned.job_variables
    facts = [
        ("work pool", planned.work_pool),
        ("work queue", queue.name if queue is not None else "the pool's default"),
        ("tags", ", ".join(planned.tags)),
        *(("schedule", item) for item in schedule_lines(planned)),
        *(("starts on", item) for item in _events(planned.triggers)),
        *((f"on {item.on.value}", f"notify {item.block}") for item in planned.notifications),
        *(("container", line) for line in planned.container),
        *((f"container of {step}", line) for step, line in planned.step_lines),
        ("active runs", _limit(planned)),
        ("code", f"{planned.code.size / 1000:.0f} kB, packed, in the {_place(planned)}"),
    ]
    groups = (
        ("", facts),
        ("Parameters", [(f"--{name}", _default(planned, name)) for name in planned.keys]),
        ("Job variables", [(name, str(variables[name])) for name in variables if name != "env"]),
        ("Environment of its runs", list(variables["env"].items())),
        (
            "Secrets for @environment",
            [(name, "as in this environment") for name in planned.captured.names],
        ),
    )
    head = f"{planned.full_name}, version {planned.version}"
    return "\n".join((head, *(line for title, rows in groups for line in _group(title, rows))))


def schedule_lines(planned: DeploymentPlan) -> tuple[str, ...]:
    """Return each schedule in words."""
    paused = "; paused" if planned.is_paused else ""
    return tuple(in_words(item.cron, item.timezone) + paused for item in planned.schedules)


def _place(planned: DeploymentPlan) -> str:
    return "deployment" if planned.code.stored is None else "datastore"


def _steps(planned: DeploymentPlan) -> dict[str, Any]:
    """Return which deployments and containers the steps with @northflank have, if there are any."""
    if not planned.steps:
        return {}
    return {
        "step_containers": dict(planned.step_lines),
        "step_deployments": [
            {
                "deployment": steps.full_name,
                "entrypoint": steps.entrypoint,
                "work_pool": steps.work_pool,
                "job_variables": dict(steps.job_variables),
            }
            for steps in planned.steps
        ],
    }


def _group(title: str, rows: list[tuple[str, str]]) -> tuple[str, ...]:
    """Return the rows as two columns under their title; nothing if there are no rows."""
    if not rows:
        return ()
    width = max(len(name) for name, _ in rows)
    lines = (f"  {name:<{width}}  {value}".rstrip() for name, value in rows)
    return ("", title, *lines) if title else tuple(lines)


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
