"""What the `deploy` and `trigger` commands do, and the words in which they report it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.analysis.code import code_files
from metaflow_prefect.compiler import CompileOptions, analyse_for
from metaflow_prefect.deploy import trigger as triggering
from metaflow_prefect.deploy.apply import Deployed, apply, pool_type, prefect_client
from metaflow_prefect.deploy.plan import DeployOptions, deployment_name, plan
from metaflow_prefect.deploy.site import gather
from metaflow_prefect.errors import DeploymentRefused
from metaflow_prefect.render import argument_names, render_standalone


def deploy(state: Any, wanted: DeployOptions, options: CompileOptions) -> str:
    """Plan and apply the deployment of the flow of *state*; return what to tell the user.

    Raises:
        MetaflowPrefectError: something was refused; the server is as it was.
    """
    flow_file = Path(state.entrypoint[-1])
    flow = analyse_for(state, flow_file.parent, options)
    with prefect_client() as client:
        site = gather(state, pool_type(client, wanted.work_pool))
        generated = render_standalone(flow, code_files(state))
        deployed = apply(client, plan(flow, generated, wanted, site))
    return _report(flow, flow_file, wanted, site.pool_type, deployed)


def job_variables(assignments: tuple[str, ...]) -> dict[str, Any]:
    """Parse `--job-variable NAME=VALUE`: a value is JSON if it can be read as such, else text.

    `env.NAME=VALUE` sets an environment variable, which is always text.

    >>> job_variables(("cleanup_job=false", "env.DEBUG=1", "project_id=acme"))
    {'cleanup_job': False, 'env': {'DEBUG': '1'}, 'project_id': 'acme'}

    Raises:
        DeploymentRefused: one of them has no `=`, or no name.
    """
    variables: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            raise DeploymentRefused(
                f"--job-variable {assignment!r} is not of the form NAME=VALUE; nothing was created.",
                fix="write for example --job-variable project_id=acme or --job-variable env.DEBUG=1",
            )
        if name.startswith("env."):
            variables.setdefault("env", {})[name.removeprefix("env.")] = value
        else:
            variables[name] = _parsed(value)
    return variables


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _report(
    flow: ir.Flow, flow_file: Path, wanted: DeployOptions, kind: str, deployed: Deployed
) -> str:
    name = f" --name {wanted.name}" if wanted.name else ""
    lines = [
        f"{flow.name} is deployed as {deployed.full_name} to work pool {wanted.work_pool} ({kind})."
    ]
    if flow.schedule is not None:
        zone = flow.schedule.timezone or "UTC"
        asleep = "; paused" if wanted.is_paused else ""
        lines.append(f"    schedule: {flow.schedule.cron} ({zone}){asleep}")
    if deployed.url is not None:
        lines.append(f"    page: {deployed.url}")
    lines += [
        "Start a run of it:",
        f"    python {flow_file} prefect trigger{name}",
        "Its runs wait until a worker serves the pool:",
        f"    prefect worker start --pool {wanted.work_pool}",
    ]
    return "\n".join(lines)


def trigger(
    state: Any,
    name: str | None,
    values: Mapping[str, Any],
    *,
    run_id_file: str | None,
    is_waited_for: bool,
) -> None:
    """Start a run of the flow's deployment; with *is_waited_for*, exit with 1 unless it completes.

    *values* are the parameters by click's key; only those that differ from their default are sent,
    so that the deployment's own defaults stand.
    """
    flow = analyse_for(state, Path(state.entrypoint[-1]).parent, CompileOptions())
    full_name = f"{flow.name}/{deployment_name(flow.project, name)}"
    with prefect_client() as client:
        triggered = triggering.trigger(client, full_name, _given(flow, values))
        if run_id_file is not None:
            Path(run_id_file).write_text(triggered.run_id, encoding="utf-8")
        _say(f"Started {triggered.name} of {full_name}.")
        _say(f"    Metaflow run: {flow.name}/{triggered.run_id}")
        if triggered.url is not None:
            _say(f"    page: {triggered.url}")
        if not is_waited_for:
            return
        final = triggering.wait(client, triggered)
    _say(f"{triggered.name}: {final.name}. {final.message or ''}".rstrip())
    if not final.is_completed():
        sys.exit(1)


def _say(line: str) -> None:
    # Not Metaflow's echo: it takes asterisks, as in a cron line, for emphasis.
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _given(flow: ir.Flow, values: Mapping[str, Any]) -> dict[str, Any]:
    arguments = argument_names(flow)
    given: dict[str, Any] = {}
    for parameter in flow.parameters:
        value = values[parameter.name.replace("-", "_").lower()]
        if value is not None and value != parameter.default:
            given[arguments[parameter.name]] = value
    return given
