"""The plan as a `prefect.yaml`, for those who deploy from a repository with `prefect deploy --all`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metaflow_prefect.deploy import automations
from metaflow_prefect.deploy.plan import DeploymentPlan
from metaflow_prefect.errors import DeploymentRefused, OutputRefused

_HEAD = """\
# Written by metaflow-prefect-northflank: `prefect deploy --all` makes the deployment that
# `python <flow>.py prefect deploy` makes. Keep {file} beside this file; write both again when the flow changes.
"""


def document(planned: DeploymentPlan) -> dict[str, Any]:
    """Return the content of the `prefect.yaml`.

    Raises:
        DeploymentRefused: the plan has what a `prefect.yaml` cannot say.
    """
    if planned.notifications:
        raise DeploymentRefused(
            "A prefect.yaml has no place for --notify-on-error and --notify-on-success; nothing was written.",
            fix="leave them out, and make the notifications in Prefect",
        )
    deployment: dict[str, Any] = {
        "name": planned.name,
        "version": planned.version,
        "description": planned.description,
        "tags": list(planned.tags),
        "entrypoint": planned.entrypoint,
        "parameters": dict(planned.parameters),
        "enforce_parameter_schema": True,
        "schedules": [
            {"cron": item.cron, "timezone": item.timezone or "UTC", "active": True}
            for item in planned.schedules
        ],
        "work_pool": {
            "name": planned.work_pool,
            "work_queue_name": None if planned.work_queue is None else planned.work_queue.name,
            "job_variables": dict(planned.job_variables),
        },
        "pull": [dict(step) for step in planned.pull_steps],
    }
    if planned.is_paused is not None:
        deployment["paused"] = planned.is_paused
    if planned.concurrency is not None:
        deployment["concurrency_limit"] = {
            "limit": planned.concurrency.limit,
            "collision_strategy": planned.concurrency.collision.name,
        }
    if planned.triggers is not None:
        deployment["triggers"] = [
            {
                **automations.trigger(planned.triggers),
                "name": f"{planned.full_name}: start",
                "parameters": automations.run_parameters(planned),
            }
        ]
    return {"name": planned.flow_name, "deployments": [deployment]}


def write(planned: DeploymentPlan, generated: str, output: Path) -> Path:
    """Write the `prefect.yaml` to *output* and the generated file, which Prefect reads, beside it.

    Raises:
        OutputRefused: the folder does not exist.
    """
    import yaml

    if not output.parent.is_dir():
        raise OutputRefused(
            f"The folder {output.parent} does not exist; nothing was written.",
            fix=f"create it first: mkdir -p {output.parent}",
        )
    content = yaml.safe_dump(document(planned), sort_keys=False, width=10_000)
    flow_file = output.parent / planned.entrypoint.partition(":")[0]
    flow_file.write_text(generated, encoding="utf-8")
    output.write_text(_HEAD.format(file=flow_file.name) + content, encoding="utf-8")
    return flow_file
