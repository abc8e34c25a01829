"""The options of the commands on deployments: `deploy`, `list-deployments`, `schedule`, `delete`, `get-token`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from metaflow._vendor import click

from metaflow_prefect.cli.group import command, prefect, schedule
from metaflow_prefect.cli.options import (
    ATTRIBUTE_FILE,
    AUTHORIZE,
    COMPILE_OPTIONS,
    JSON,
    NAME,
    output_file,
    parsed,
    positive,
    show,
)
from metaflow_prefect.deploy.plan import options as deploy_options
from metaflow_prefect.deploy.plan import schedules
from metaflow_prefect.deploy.plan.options import Collision, DeployOptions, Notification, Outcome
from metaflow_prefect.deploy.server.production_tokens import TokenRequest
from metaflow_prefect.runtime.local.output_files import write as write_output

_DEPLOY_OPTIONS = (
    NAME,
    click.option(
        "--work-pool",
        help="The work pool whose workers run it. If not given: that of the existing deployment, "
        "Prefect's default pool, or the only pool there is.",
    ),
    click.option("--work-queue", help="The queue of the work pool."),
    click.option(
        "--workflow-priority", type=int, callback=positive,
        help="Runs from queues of a lower number go first, as Prefect counts. Without --work-queue "
        "the queue is priority-N; it is created if it is missing.",
    ),
    click.option(
        "--schedule", "schedules", multiple=True, metavar="CRON",
        help="One more schedule beside @schedule: '0 3 * * *', or 'CRON_TZ=Europe/Berlin 0 3 * * *'.",
    ),
    click.option(
        "--paused/--not-paused", "is_paused", default=None,
        help="Put its schedules to sleep, or wake them. If not given, a deployment stays as it is.",
    ),
    click.option(
        "--concurrency-limit", type=int, callback=positive,
        help="How many of its runs may be active at the same time.",
    ),
    click.option(
        "--collision", type=click.Choice([item.value for item in Collision]),
        default=Collision.ENQUEUE.value, show_default=True,
        help="What becomes of a run beyond --concurrency-limit.",
    ),
    click.option("--image", help="The container image of its runs."),
    click.option(
        "--job-variable", "job_variables", multiple=True, metavar="NAME=VALUE",
        help="Override a variable of the work pool's jobs; env.NAME=VALUE sets an environment variable.",
    ),
    click.option(
        "--param-default", "param_defaults", multiple=True, metavar="NAME=VALUE",
        help="The value of a parameter where a run is given none.",
    ),
    click.option(
        "--namespace", "user_namespace",
        help="The namespace that its steps see, instead of the production token's.",
    ),
    AUTHORIZE,
    click.option("--new-token", "given_token", help="Use this production token from now on."),
    click.option(
        "--generate-new-token", is_flag=True, help="Use a new production token from now on."
    ),
    click.option(
        "--notify-on-error", multiple=True, metavar="TYPE/NAME",
        help="Tell of runs that fail through this notification block of Prefect's.",
    ),
    click.option(
        "--notify-on-success", multiple=True, metavar="TYPE/NAME",
        help="Tell of runs that succeed through this notification block of Prefect's.",
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
    "Register the flow as a deployment, or bring it up to date.",
    *_DEPLOY_OPTIONS,
    *COMPILE_OPTIONS,
)
def deploy(obj: Any, **options: Any) -> None:
    """Plan, then show, write or apply."""
    from metaflow_prefect.deploy import deploying
    from metaflow_prefect.deploy.plan import summary

    wanted, compiling, is_json = _wanted(options), parsed(options), options["is_json"]
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
        prepared = deploying.prepare(obj, wanted, compiling, request)
        text = deploying.write_yaml(obj, wanted, prepared, Path(options["prefect_yaml"]))
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
    "List the flow's deployments.",
    click.option("--all", "is_all", is_flag=True, help="Those of all flows of Metaflow."),
    JSON,
)
def list_deployments(obj: Any, is_all: bool, is_json: bool) -> None:
    """One line each."""
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


@command(
    prefect, "Remove the deployment, its schedules and its automations.", NAME, AUTHORIZE, JSON
)
def delete(obj: Any, name: str | None, authorize: str | None, is_json: bool) -> None:
    """Runs that are under way go on."""
    from metaflow_prefect.deploy import authorized
    from metaflow_prefect.deploy.server.deployment_name import target
    from metaflow_prefect.runtime.servers.connection import prefect_client

    found = target(obj, name)
    with prefect_client() as client:
        authorized.delete(client, found.full_name, authorized.Authority.of(found, authorize))
    text = f"{found.full_name} is deleted. Runs that are under way go on."
    show({"deleted": found.full_name}, text, is_json=is_json)


@command(prefect, "Print the production token of the deployment.", NAME, AUTHORIZE, JSON)
def get_token(obj: Any, name: str | None, authorize: str | None, is_json: bool) -> None:
    """Only to its owner, and to those who have it already."""
    from metaflow_prefect.deploy import authorized
    from metaflow_prefect.deploy.server import deployment_record
    from metaflow_prefect.deploy.server.deployment_name import target
    from metaflow_prefect.runtime.servers.connection import prefect_client

    found = target(obj, name)
    with prefect_client() as client:
        deployment = deployment_record.read(client, found.full_name)
    authorized.Authority.of(found, authorize).check(deployment)
    show({"production_token": deployment.token}, deployment.token or "none", is_json=is_json)


@command(schedule, "Put the deployment's schedules to sleep.", NAME, AUTHORIZE, JSON, name="pause")
def pause_schedule(obj: Any, name: str | None, authorize: str | None, is_json: bool) -> None:
    """It can still be triggered."""
    _set_paused(obj, name, authorize, is_paused=True, is_json=is_json)


@command(schedule, "Wake the deployment's schedules.", NAME, AUTHORIZE, JSON, name="resume")
def resume_schedule(obj: Any, name: str | None, authorize: str | None, is_json: bool) -> None:
    """Runs that were missed are not made up for."""
    _set_paused(obj, name, authorize, is_paused=False, is_json=is_json)


def write_attributes(file: str | None, data: dict[str, Any]) -> None:
    """Tell Metaflow's Deployer what was made, where it asked for it (`DeployerImpl._create`)."""
    if file is not None:
        write_output(Path(file), json.dumps(data))


def _set_paused(
    obj: Any, name: str | None, authorize: str | None, *, is_paused: bool, is_json: bool
) -> None:
    from metaflow_prefect.deploy import authorized
    from metaflow_prefect.deploy.server.deployment_name import target
    from metaflow_prefect.runtime.servers.connection import prefect_client

    found = target(obj, name)
    authority = authorized.Authority.of(found, authorize)
    with prefect_client() as client:
        authorized.set_paused(client, found.full_name, authority, is_paused=is_paused)
    text = f"The schedules of {found.full_name} are {'asleep' if is_paused else 'awake'}."
    show({"deployment": found.full_name, "paused": is_paused}, text, is_json=is_json)


def _wanted(options: dict[str, Any]) -> DeployOptions:
    notifications = [(Outcome.ERROR, block) for block in options["notify_on_error"]]
    notifications += [(Outcome.SUCCESS, block) for block in options["notify_on_success"]]
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
        notifications=tuple(
            Notification(outcome=outcome, block=block) for outcome, block in notifications
        ),
        schedules=tuple(map(schedules.parse, options["schedules"])),
    )
