"""The commands on deployments: `deploy`, `list-deployments`, `schedule`, `delete`, `get-token`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from metaflow._vendor import click

from metaflow_prefect.cli.connected import deployment_of
from metaflow_prefect.cli.group import command, prefect, schedule
from metaflow_prefect.cli.options import (
    ATTRIBUTE_FILE,
    AUTHORIZE,
    COMPILE_OPTIONS,
    JSON,
    NAME,
    compile_request,
    output_file,
    positive,
    show,
)
from metaflow_prefect.deploy.plan import options as deploy_options
from metaflow_prefect.deploy.plan import schedules
from metaflow_prefect.deploy.plan.options import Collision, DeployOptions, Notification, NotifyOn
from metaflow_prefect.deploy.server.production_tokens import TokenRequest
from metaflow_prefect.runtime.local.output_files import write as write_output

_DEPLOY_OPTIONS = (
    NAME,
    click.option(
        "--work-pool",
        help="The work pool whose workers run the flow. Default: the pool of the existing deployment, "
        "Prefect's default pool, or the server's only pool.",
    ),
    click.option("--work-queue", help="The queue of the work pool."),
    click.option(
        "--workflow-priority", type=int, callback=positive,
        help="The priority of the work queue; runs from queues with a lower number go first. Without "
        "--work-queue the queue is priority-N, created if it is missing.",
    ),
    click.option(
        "--schedule", "schedules", multiple=True, metavar="CRON",
        help="A schedule in addition to @schedule: '0 3 * * *', or 'CRON_TZ=Europe/Berlin 0 3 * * *'.",
    ),
    click.option(
        "--paused/--not-paused", "is_paused", default=None,
        help="Pause the schedules, or resume them. By default, those of an existing deployment stay as they are.",
    ),
    click.option(
        "--concurrency-limit", type=int, callback=positive,
        help="How many runs of the deployment may be active at the same time.",
    ),
    click.option(
        "--collision", type=click.Choice([item.value for item in Collision]),
        default=Collision.ENQUEUE.value, show_default=True,
        help="What happens to a run beyond --concurrency-limit.",
    ),
    click.option("--image", help="The container image for the runs."),
    click.option(
        "--job-variable", "job_variables", multiple=True, metavar="NAME=VALUE",
        help="Override a job variable of the work pool; env.NAME=VALUE sets an environment variable.",
    ),
    click.option(
        "--param-default", "param_defaults", multiple=True, metavar="NAME=VALUE",
        help="The default value of a parameter.",
    ),
    click.option(
        "--namespace", "user_namespace",
        help="The namespace that Metaflow's client uses inside the steps, instead of the production token's.",
    ),
    AUTHORIZE,
    click.option("--new-token", "given_token", help="Use this production token from now on."),
    click.option(
        "--generate-new-token", is_flag=True, help="Replace the production token with a newly generated one."
    ),
    click.option(
        "--notify-on-error", multiple=True, metavar="TYPE/NAME",
        help="Send a notification through this Prefect block when a run fails.",
    ),
    click.option(
        "--notify-on-success", multiple=True, metavar="TYPE/NAME",
        help="Send a notification through this Prefect block when a run succeeds.",
    ),
    click.option("--dry-run", is_flag=True, help="Show what would be deployed; change nothing."),
    click.option(
        "--prefect-yaml", type=click.Path(dir_okay=False), metavar="FILE", callback=output_file,
        help="Write the deployment to this file, for `prefect deploy --all`; change nothing on the server.",
    ),
    JSON,
    ATTRIBUTE_FILE,
)  # fmt: skip


@command(
    prefect,
    *_DEPLOY_OPTIONS,
    *COMPILE_OPTIONS,
)
def deploy(obj: Any, **options: Any) -> None:
    """Register the flow as a deployment, or update its deployment."""
    from metaflow_prefect.deploy import deploying
    from metaflow_prefect.deploy.plan import summary

    wanted, compiling, is_json = _wanted(options), compile_request(options), options["is_json"]
    request = TokenRequest(
        authorize=options["authorize"],
        given=options["given_token"],
        is_new_wanted=options["generate_new_token"],
    )
    if options["dry_run"]:
        planned = deploying.prepare(obj, wanted, compiling, request).plan
        show(summary.summary(planned), summary.text(planned), is_json=is_json)
        return
    if options["prefect_yaml"] is not None:
        output = Path(options["prefect_yaml"])
        text = deploying.write_yaml(obj, wanted, compiling, request, output)
        show({"file": options["prefect_yaml"]}, text, is_json=is_json)
        return
    prepared, deployed = deploying.deploy(obj, wanted, compiling, request)
    data = {
        "name": deployed.full_name,
        "flow_name": obj.flow.name,
        "metadata": obj.metadata.metadata_str(),
        "additional_info": {"id": deployed.id, "url": deployed.url},
    }
    write_attributes(options["deployer_attribute_file"], data)
    show(
        {**summary.summary(prepared.plan), "id": deployed.id, "url": deployed.url},
        deploying.report(prepared, deployed),
        is_json=is_json,
    )


@command(
    prefect,
    click.option(
        "--all", "is_all", is_flag=True, help="List the deployments of all Metaflow flows."
    ),
    JSON,
)
def list_deployments(obj: Any, is_all: bool, is_json: bool) -> None:
    """List the flow's deployments."""
    from metaflow_prefect.deploy.server import deployment_record
    from metaflow_prefect.runtime.servers.connection import prefect_client

    with prefect_client() as client:
        found = deployment_record.listed(client, None if is_all else obj.flow.name)
    lines = [
        f"{item.full_name}  pool {item.work_pool}, {', '.join(map(str, item.schedules)) or 'no schedule'}"
        f"{' (paused)' if item.is_paused else ''}, by {item.owner}"
        for item in found
    ]
    show([item.summary() for item in found], "\n".join(lines) or "none", is_json=is_json)


@command(prefect, NAME, AUTHORIZE, JSON)
def delete(obj: Any, name: str | None, authorize: str | None, is_json: bool) -> None:
    """Remove the deployment, its schedules and its automations."""
    from metaflow_prefect.deploy import authorized

    with deployment_of(obj, name) as on:
        authorized.delete(on.client, on.deployment, on.authority(authorize))
    full_name = on.name.full_name
    text = f"{full_name} is deleted. Its active runs continue."
    show({"deleted": full_name}, text, is_json=is_json)


@command(prefect, NAME, AUTHORIZE, JSON)
def get_token(obj: Any, name: str | None, authorize: str | None, is_json: bool) -> None:
    """Print the production token of the deployment."""
    with deployment_of(obj, name) as on:
        on.authority(authorize).check(on.deployment)
    token = on.deployment.token
    show({"production_token": token}, token or "none", is_json=is_json)


@command(schedule, NAME, AUTHORIZE, JSON, name="pause")
def pause_schedule(obj: Any, name: str | None, authorize: str | None, is_json: bool) -> None:
    """Pause the deployment's schedules."""
    _set_paused(obj, name, authorize, is_paused=True, is_json=is_json)


@command(schedule, NAME, AUTHORIZE, JSON, name="resume")
def resume_schedule(obj: Any, name: str | None, authorize: str | None, is_json: bool) -> None:
    """Resume the deployment's schedules."""
    _set_paused(obj, name, authorize, is_paused=False, is_json=is_json)


def write_attributes(file: str | None, data: dict[str, Any]) -> None:
    """Write what was created to the file in which Metaflow's Deployer expects it (`DeployerImpl._create`)."""
    if file is not None:
        write_output(Path(file), json.dumps(data))


def _set_paused(
    obj: Any, name: str | None, authorize: str | None, *, is_paused: bool, is_json: bool
) -> None:
    from metaflow_prefect.deploy import authorized

    with deployment_of(obj, name) as on:
        authority = on.authority(authorize)
        authorized.set_paused(on.client, on.deployment, authority, is_paused=is_paused)
    full_name = on.name.full_name
    text = f"The schedules of {full_name} are {'paused' if is_paused else 'active'}."
    show({"deployment": full_name, "paused": is_paused}, text, is_json=is_json)


def _wanted(options: dict[str, Any]) -> DeployOptions:
    notifications = [(NotifyOn.ERROR, block) for block in options["notify_on_error"]]
    notifications += [(NotifyOn.SUCCESS, block) for block in options["notify_on_success"]]
    return DeployOptions(
        work_pool=options["work_pool"],
        work_queue=options["work_queue"],
        priority=options["workflow_priority"],
        name=options["name"],
        is_paused=options["is_paused"],
        concurrency_limit=options["concurrency_limit"],
        collision=Collision(options["collision"]),
        image=options["image"],
        namespace=options["user_namespace"],
        job_variables=deploy_options.job_variables(options["job_variables"]),
        parameter_defaults=deploy_options.parameter_defaults(options["param_defaults"]),
        notifications=tuple(Notification(on=on, block=block) for on, block in notifications),
        schedules=tuple(map(schedules.parse, options["schedules"])),
    )
