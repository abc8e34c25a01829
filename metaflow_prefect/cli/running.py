"""The options of the commands on runs of a deployment: `trigger`, `list-runs`, `status`, `logs` and the rest."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from metaflow import parameters
from metaflow._vendor import click

from metaflow_prefect.cli.deployments import write_attributes
from metaflow_prefect.cli.group import command, prefect
from metaflow_prefect.cli.options import (
    ATTRIBUTE_FILE,
    AUTHORIZE,
    JSON,
    NAME,
    RUN_ID,
    RUN_ID_FILE,
    Remembering,
    carried,
    given,
    show,
)
from metaflow_prefect.deploy.runs.runs import RunRecord
from metaflow_prefect.errors import RunRefused
from metaflow_prefect.runtime.local.output_files import write as write_output
from metaflow_prefect.runtime.progress.run_result import RunStatus

_CHANGE = (RUN_ID, NAME, AUTHORIZE, JSON)
"""What every command needs that changes a run."""


@parameters.add_custom_parameters(deploy_mode=False)  # type: ignore[untyped-decorator]
@command(
    prefect,
    "Start a run of the deployment.",
    NAME,
    RUN_ID_FILE,
    click.option(
        "--wait",
        is_flag=True,
        help="Wait until the run is over; exit with 1 if it did not succeed.",
    ),
    JSON,
    ATTRIBUTE_FILE,
    cls=Remembering,
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
    """Start a run on the server; its worker does the rest."""
    from metaflow_prefect.deploy.runs import follow_run
    from metaflow_prefect.deploy.runs import trigger as triggering
    from metaflow_prefect.deploy.server import deployment_record
    from metaflow_prefect.deploy.server.deployment_name import target
    from metaflow_prefect.runtime.progress import terminal
    from metaflow_prefect.runtime.servers.connection import prefect_client

    obj = context.obj
    with prefect_client() as client:
        deployment = deployment_record.read(client, target(obj, name).full_name)
        run = triggering.trigger(client, deployment, carried(context, given(context, values)))
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
            show(run.summary(), _started(run, deployment.full_name), is_json=is_json)
        if not wait:
            return
        is_shown = terminal.is_wanted() and not is_json
        run = follow_run.wait(client, run) if is_shown else triggering.wait(client, run)
        summary = {**run.summary(), "steps": follow_run.steps_of(client, run)}
    show(summary, run.in_words(), is_json=is_json)
    if run.status is not RunStatus.SUCCEEDED:
        sys.exit(1)


@command(
    prefect,
    "List the runs of the deployment, the latest first; with `--state pending` also those that a schedule has yet to start.",
    NAME,
    click.option(
        "--state",
        "states",
        multiple=True,
        type=click.Choice([item.value.lower().replace("_", "-") for item in RunStatus]),
        help="Only runs in this state.",
    ),
    JSON,
    short="List the runs of the deployment, the latest first.",
)
def list_runs(obj: Any, name: str | None, states: tuple[str, ...], is_json: bool) -> None:
    """One line each."""
    from metaflow_prefect.deploy.runs import runs
    from metaflow_prefect.deploy.server import deployment_record
    from metaflow_prefect.deploy.server.deployment_name import target
    from metaflow_prefect.runtime.servers.connection import prefect_client

    wanted = frozenset(RunStatus(state.upper().replace("-", "_")) for state in states)
    with prefect_client() as client:
        deployment = deployment_record.read(client, target(obj, name).full_name)
        found = tuple(runs.listed(client, deployment, wanted))
    text = "\n".join(f"{run.run_id}  {run.in_words()}" for run in found) or "none"
    show([run.summary() for run in found], text, is_json=is_json)


@command(
    prefect,
    "Print what the run is doing: PENDING, RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED.",
    RUN_ID,
    JSON,
    short="Print what the run is doing, in one word.",
)
def status(obj: Any, run_id: str, is_json: bool) -> None:
    """Exit with 0 whatever it is: the question was answered."""
    from metaflow_prefect.deploy.runs import runs
    from metaflow_prefect.runtime.servers.connection import prefect_client

    with prefect_client() as client:
        run = runs.read(client, obj.flow.name, run_id)
    show(run.summary(), run.status.value, is_json=is_json)


@command(
    prefect,
    "Print the log of the run, or of one of its steps.",
    RUN_ID,
    click.argument("step-name", required=False),
    click.option("-f", "--follow", is_flag=True, help="Go on until the run is over."),
    click.option("--json", "is_json", is_flag=True, help="Print one JSON document per line."),
)
def logs(obj: Any, run_id: str, step_name: str | None, follow: bool, is_json: bool) -> None:
    """Each line as soon as the server has it."""
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
    "Bring the metadata of a run to this machine, where the run wrote it to files of its container: "
    "Metaflow's client then finds the run.",
    RUN_ID,
    JSON,
    short="Bring the metadata of a run to this machine.",
)
def fetch(obj: Any, run_id: str, is_json: bool) -> None:
    """Nothing is to be done where there is a metadata service."""
    from metaflow_prefect.deploy.runs import fetch_metadata, runs
    from metaflow_prefect.deploy.server import deployment_record
    from metaflow_prefect.runtime.servers.connection import prefect_client

    with prefect_client() as client:
        run = runs.read(client, obj.flow.name, run_id)
        deployment = deployment_record.of_run(client, run.flow_name, run.deployment_id)
    if deployment is None:
        raise RunRefused(
            f"The deployment of {run.run_id} is not on this server, and knew where its metadata is; nothing was fetched.",
            fix="deploy the flow again under the same name, resume the run, and fetch that one",
        )
    if not fetch_metadata.is_elsewhere(deployment):
        text = f"The metadata of {run.pathspec} is where Metaflow's client looks for it."
    elif fetch_metadata.fetch(deployment, run):
        text = f"The metadata of {run.pathspec} is here now."
    else:
        text = f"{run.pathspec} has stored no metadata yet."
    show(run.summary(), text, is_json=is_json)


@command(
    prefect,
    "Stop the run after the tasks that are running, until `unsuspend`.",
    *_CHANGE,
    short="Stop the run after the tasks that are running.",
)
def suspend(obj: Any, **options: Any) -> None:
    """It looks every few seconds whether somebody wants that."""
    from metaflow_prefect.deploy.runs import runs

    _change(obj, runs.suspend, "stops after the tasks that are running", options)


@command(prefect, "Let a suspended run go on.", *_CHANGE)
def unsuspend(obj: Any, **options: Any) -> None:
    """What it has done is not done again."""
    from metaflow_prefect.deploy.runs import runs

    _change(obj, runs.unsuspend, "goes on when a worker takes it", options)


@command(prefect, "End the run.", *_CHANGE)
def terminate(obj: Any, **options: Any) -> None:
    """Its worker ends what it has started."""
    from metaflow_prefect.deploy.runs import runs

    _change(obj, runs.terminate, "is being ended", options)


def _change(
    obj: Any, change: Callable[[Any, RunRecord], None], words: str, options: dict[str, Any]
) -> None:
    from metaflow_prefect.deploy import authorized
    from metaflow_prefect.deploy.server.deployment_name import target
    from metaflow_prefect.runtime.servers.connection import prefect_client

    found = target(obj, options["name"])
    authority = authorized.Authority.of(found, options["authorize"])
    with prefect_client() as client:
        run = authorized.change_run(client, found.full_name, options["run_id"], authority, change)
    show(run.summary(), f"{run.run_id} {words} ({run.state}).", is_json=options["is_json"])


def _started(run: RunRecord, deployment: str) -> str:
    lines = [f"Started {run.name} of {deployment}.", f"    Metaflow run: {run.pathspec}"]
    if run.url is not None:
        lines.append(f"    page: {run.url}")
    return "\n".join(lines)
