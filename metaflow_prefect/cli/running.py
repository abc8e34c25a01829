"""The commands on runs of a deployment: `trigger`, `list-runs`, `status`, `logs` and the rest."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaflow import parameters
from metaflow._vendor import click

from metaflow_prefect.cli.connected import deployment_of
from metaflow_prefect.cli.deployments import write_attributes
from metaflow_prefect.cli.group import command, prefect
from metaflow_prefect.cli.options import (
    ATTRIBUTE_FILE,
    AUTHORIZE,
    JSON,
    NAME,
    RUN_ID,
    RUN_ID_FILE,
    NotingGivenOptions,
    carried,
    given,
    show,
)
from metaflow_prefect.errors import RunRefused
from metaflow_prefect.runtime.local.output_files import write as write_output
from metaflow_prefect.runtime.progress.run_result import RunStatus

if TYPE_CHECKING:
    from metaflow_prefect.deploy.runs.runs import RunRecord

_CHANGE = (RUN_ID, NAME, AUTHORIZE, JSON)
"""The options of every command that changes a run."""


@parameters.add_custom_parameters(deploy_mode=False)  # type: ignore[untyped-decorator]  # Metaflow's click has no types
@command(
    prefect,
    NAME,
    RUN_ID_FILE,
    click.option(
        "--wait",
        is_flag=True,
        help="Wait until the run is over; exit with 1 if it did not succeed.",
    ),
    JSON,
    ATTRIBUTE_FILE,
    cls=NotingGivenOptions,
    passes=click.pass_context,
)
def trigger(
    context: Any,
    name: str | None,
    run_id_file: str | None,
    wait: bool,
    is_json: bool,
    deployer_attribute_file: str | None,
    **values: Any,
) -> None:
    """Start a run of the deployment."""
    from metaflow_prefect.deploy.runs import follow_run, step_runs
    from metaflow_prefect.deploy.runs import trigger as triggering
    from metaflow_prefect.runtime.progress import terminal

    obj = context.obj
    with deployment_of(obj, name) as on:
        values = carried(context, given(context, values))
        run = triggering.trigger(on.client, on.deployment, values)
        if run_id_file is not None:
            write_output(Path(run_id_file), run.run_id)
        write_attributes(
            deployer_attribute_file,
            {
                "name": run.name,
                "metadata": obj.metadata.metadata_str(),
                "pathspec": run.pathspec,
            },
        )
        if not is_json or not wait:
            show(run.summary(), _started(run, on.name.full_name), is_json=is_json)
        if not wait:
            return
        is_shown = terminal.is_wanted() and not is_json
        run = follow_run.wait(on.client, run) if is_shown else triggering.wait(on.client, run)
        run = run.at(on.deployment.rate, on.deployment.asked)
        has_some = on.deployment.has_step_containers
        containers = step_runs.listed(on.client, run) if has_some else ()
        summary = {
            **step_runs.summary(run, containers),
            "steps": follow_run.steps_of(on.client, run),
        }
    show(summary, _with_container(run), is_json=is_json)
    if run.status is not RunStatus.SUCCEEDED:
        sys.exit(1)


@command(
    prefect,
    NAME,
    click.option(
        "--state",
        "states",
        multiple=True,
        type=click.Choice([item.value.lower().replace("_", "-") for item in RunStatus]),
        help="Only runs in this state.",
    ),
    JSON,
)
def list_runs(obj: Any, name: str | None, states: tuple[str, ...], is_json: bool) -> None:
    """List the runs of the deployment, latest first.

    Runs that a schedule has yet to start are listed only with `--state pending`.
    """
    from metaflow_prefect.deploy.runs import runs, step_runs

    wanted = frozenset(RunStatus(state.upper().replace("-", "_")) for state in states)
    with deployment_of(obj, name) as on:
        found = tuple(runs.listed(on.client, on.deployment, wanted))
        has_some = is_json and on.deployment.has_step_containers
        containers = step_runs.of_runs(on.client, found) if has_some else {}
    text = "\n".join(f"{run.run_id}  {_with_container(run)}" for run in found) or "none"
    summaries = [step_runs.summary(run, containers.get(run.id, ())) for run in found]
    show(summaries, text, is_json=is_json)


@command(
    prefect,
    RUN_ID,
    JSON,
)
def status(obj: Any, run_id: str, is_json: bool) -> None:
    """Print the status of the run.

    It is PENDING, RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED; the exit code is 0 for all of them.
    """
    from metaflow_prefect.deploy.runs import runs, step_runs
    from metaflow_prefect.runtime.servers.connection import prefect_client

    with prefect_client() as client:
        run = runs.with_container(client, runs.read(client, obj.flow.name, run_id))
        found = step_runs.listed(client, run) if step_runs.has_some(client, run) else ()
        containers = found if run.status.is_over else step_runs.explained(client, found)
    if not is_json:
        waiting = [str(item) for item in containers if item.is_waiting]
        # Scripts read the status from standard output.
        costs = step_runs.costs_in_words(run, containers)
        for line in filter(None, (run.container, *costs, *waiting)):
            click.echo(line, err=True)
    show(step_runs.summary(run, containers), run.status.value, is_json=is_json)


@command(
    prefect,
    RUN_ID,
    click.argument("step-name", required=False),
    click.option("-f", "--follow", is_flag=True, help="Keep printing until the run is over."),
    click.option("--json", "is_json", is_flag=True, help="Print one JSON document per line."),
)
def logs(obj: Any, run_id: str, step_name: str | None, follow: bool, is_json: bool) -> None:
    """Print the log of the run, or of one of its steps."""
    from metaflow_prefect.deploy.runs import follow_run, run_logs, runs
    from metaflow_prefect.runtime.progress import terminal
    from metaflow_prefect.runtime.servers.connection import prefect_client

    with prefect_client() as client:
        run = runs.read(client, obj.flow.name, run_id)
        # The lines are the answer: into a file or a pipe they go as they are.
        if follow and not is_json and sys.stdout.isatty() and terminal.is_wanted():
            follow_run.follow(client, run, step_name)
            return
        for line in (run_logs.follow if follow else run_logs.lines)(client, run, step_name):
            sys.stdout.write((json.dumps(line.summary()) if is_json else str(line)) + "\n")
            sys.stdout.flush()


@command(
    prefect,
    RUN_ID,
    JSON,
)
def fetch(obj: Any, run_id: str, is_json: bool) -> None:
    """Copy the metadata of a run to this machine.

    Metaflow's client can then find a run that kept its metadata in files of its container. You do not need this
    with a metadata service.
    """
    from metaflow_prefect.deploy.runs import fetch_metadata, runs
    from metaflow_prefect.deploy.server import deployment_record
    from metaflow_prefect.runtime.servers.connection import prefect_client

    with prefect_client() as client:
        run = runs.read(client, obj.flow.name, run_id)
        deployment = deployment_record.of_run(client, run.flow_name, run.deployment_id)
    if deployment is None:
        raise RunRefused(
            f"{run.run_id}'s deployment, which recorded where its metadata is kept, is no longer on this server; nothing was fetched.",
            fix="deploy the flow again under the same name, resume the run, and fetch the resumed one",
        )
    if not fetch_metadata.is_elsewhere(deployment):
        text = f"The metadata of {run.pathspec} is already where Metaflow's client looks for it."
    elif fetch_metadata.fetch(deployment, run):
        text = f"The metadata of {run.pathspec} is on this machine now."
    else:
        text = f"{run.pathspec} has stored no metadata yet."
    show(run.summary(), text, is_json=is_json)


@command(
    prefect,
    *_CHANGE,
)
def suspend(obj: Any, **options: Any) -> None:
    """Let running tasks finish, then suspend the run until `unsuspend`."""
    from metaflow_prefect.deploy.runs import runs

    _change(obj, runs.suspend, "stops after its running tasks", options)


@command(prefect, *_CHANGE)
def unsuspend(obj: Any, **options: Any) -> None:
    """Continue a suspended run; finished tasks are not repeated."""
    from metaflow_prefect.deploy.runs import runs

    _change(obj, runs.unsuspend, "continues when a worker picks it up", options)


@command(prefect, *_CHANGE)
def terminate(obj: Any, **options: Any) -> None:
    """Cancel the run."""
    from metaflow_prefect.deploy.runs import runs

    _change(obj, runs.terminate, "is being canceled", options)


def _change(
    obj: Any, change: Callable[[Any, RunRecord], None], words: str, options: dict[str, Any]
) -> None:
    from metaflow_prefect.deploy import authorized

    with deployment_of(obj, options["name"]) as on:
        authority = on.authority(options["authorize"])
        run_id = options["run_id"]
        run = authorized.change_run(on.client, on.deployment, run_id, authority, change)
    show(run.summary(), f"{run.run_id} {words} ({run.state}).", is_json=options["is_json"])


def _with_container(run: RunRecord) -> str:
    return f"{run.in_words()} {run.container}".rstrip()


def _started(run: RunRecord, deployment: str) -> str:
    lines = [f"Started {run.name} of {deployment}.", f"    Metaflow run: {run.pathspec}"]
    if run.url is not None:
        lines.append(f"    page: {run.url}")
    return "\n".join(lines)
