"""The plan as a `prefect.yaml`, to deploy from a repository with `prefect deploy --all`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from metaflow_prefect.analysis.code import own_paths
from metaflow_prefect.compiler import check_generated
from metaflow_prefect.deploy.plan import automations
from metaflow_prefect.deploy.plan.options import DeployOptions
from metaflow_prefect.deploy.plan.plan import DeploymentPlan
from metaflow_prefect.errors import DeploymentRefused, OutputRefused
from metaflow_prefect.runtime.local.output_files import check as check_output
from metaflow_prefect.runtime.local.output_files import write as write_output

_MARK = "# Written by metaflow-prefect-northflank: "
"""The first line of every `prefect.yaml` that `deploy` writes."""

_ELSEWHERE = "write the prefect.yaml to a separate folder, for example deploy/prefect.yaml"

_HEAD = f"""\
{_MARK}`prefect deploy --all` creates the same deployment
# as `python <flow>.py prefect deploy`. Keep {{file}} beside this file; write both again when the flow changes.
"""


def document(planned: DeploymentPlan) -> dict[str, Any]:
    """Return the content of the `prefect.yaml`."""
    deployments = [_deployment(each) for each in (*planned.steps, planned)]
    # Through JSON: YAML cannot dump subclasses of str, which identifiers are.
    plain: list[dict[str, Any]] = json.loads(json.dumps(deployments))
    return {"name": planned.flow_name, "deployments": plain}


def _deployment(planned: DeploymentPlan) -> dict[str, Any]:
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
                "name": automations.name(planned.full_name, "start"),
                "parameters": automations.run_parameters(planned),
            }
        ]
    return deployment


def check_options(options: DeployOptions) -> None:
    """Refuse options that a `prefect.yaml` has no place for.

    Raises:
        DeploymentRefused: there is one.
    """
    if options.notifications:
        raise DeploymentRefused(
            "A prefect.yaml has no place for --notify-on-error and --notify-on-success; nothing was written.",
            fix="leave them out, and create the notifications in Prefect",
        )


def check(planned: DeploymentPlan, output: Path, state: Any) -> None:
    """Make sure that the plan can be written to *output*.

    Raises:
        OutputRefused: the folder does not exist, or has a file of one of these names that no `deploy` has written.
    """
    check_output(output, lambda: own_paths(state), fix=_ELSEWHERE)
    if output.is_file() and not _is_ours(output):
        raise OutputRefused(
            f"{output} exists and was not written by this command; nothing was written.",
            fix=f"{_ELSEWHERE}, or remove the file first",
        )
    check_generated(_flow_file(planned, output), state, fix=_ELSEWHERE)


def write(planned: DeploymentPlan, generated: str, output: Path) -> Path:
    """Write the `prefect.yaml` to *output* and the generated file, which Prefect reads, beside it.

    Call `check` first.
    """
    import yaml

    flow_file = _flow_file(planned, output)
    content = yaml.safe_dump(document(planned), sort_keys=False, width=10_000)
    write_output(flow_file, generated)
    write_output(output, _HEAD.format(file=flow_file.name) + content)
    return flow_file


def _is_ours(output: Path) -> bool:
    mark = _MARK.encode()
    with output.open("rb") as opened:
        return opened.read(len(mark)) == mark


def _flow_file(planned: DeploymentPlan, output: Path) -> Path:
    return output.parent / planned.entrypoint.partition(":")[0]
