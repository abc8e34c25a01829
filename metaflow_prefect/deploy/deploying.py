"""What `deploy` does: analyse, authorise, plan, then show the plan, write it or carry it out."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.analysis import files
from metaflow_prefect.analysis.code import code_files
from metaflow_prefect.compiler import CompileOptions, analyse_for
from metaflow_prefect.deploy import prefect_yaml
from metaflow_prefect.deploy.plan import summary
from metaflow_prefect.deploy.plan.job_variables import Site
from metaflow_prefect.deploy.plan.options import DeployOptions
from metaflow_prefect.deploy.plan.plan import DeploymentPlan, plan
from metaflow_prefect.deploy.server import apply, code_storage, deployment_record, production_tokens
from metaflow_prefect.deploy.server.apply import Deployed
from metaflow_prefect.deploy.server.deploying_machine import gather, user
from metaflow_prefect.deploy.server.deployment_name import Target, of_flow
from metaflow_prefect.deploy.server.deployment_record import DeploymentRecord
from metaflow_prefect.deploy.server.production_tokens import TokenRequest
from metaflow_prefect.errors import UnsupportedFlow
from metaflow_prefect.render import render_standalone
from metaflow_prefect.runtime.local import typed_command
from metaflow_prefect.runtime.servers.connection import (
    is_on_local_server,
    prefect_client,
    prefect_command,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan that is ready to be carried out, and what it was made from; `package` is for `Run.code`."""

    flow: ir.Flow
    target: Target
    plan: DeploymentPlan
    generated: str
    package: bytes | None
    site: Site
    existing: DeploymentRecord | None

    @property
    def token(self) -> str:
        """The production token of the deployment."""
        assert self.site.token is not None  # noqa: S101  whoever deploys has one
        return self.site.token


def deploy(
    state: Any, wanted: DeployOptions, options: CompileOptions, request: TokenRequest
) -> tuple[Prepared, Deployed]:
    """Plan and apply the deployment of the flow of *state*.

    Raises:
        MetaflowPrefectError: something was refused; the server is as it was.
    """
    with prefect_client() as client:
        prepared = _stored(state, wanted, _prepare(client, state, wanted, options, request))
        deployed = apply.apply(client, prepared.plan, prepared.existing)
    production_tokens.remember(prepared.target.token_prefix, prepared.token)
    return prepared, deployed


def prepare(
    state: Any, wanted: DeployOptions, options: CompileOptions, request: TokenRequest
) -> Prepared:
    """Plan the deployment of the flow of *state*; only reads.

    The files of IncludeFile are still paths then, and nothing is in the datastore: see `write_yaml`.

    Raises:
        MetaflowPrefectError: `deploy` would be refused.
    """
    with prefect_client() as client:
        return _prepare(client, state, wanted, options, request)


def write_yaml(state: Any, wanted: DeployOptions, prepared: Prepared, output: Path) -> str:
    """Write the plan as a `prefect.yaml` and return what to tell the user.

    What its runs need in the datastore is stored there.

    Raises:
        OutputRefused: it cannot be written there.
        DeploymentRefused: a `prefect.yaml` cannot say it.
    """
    prefect_yaml.check(prepared.plan, output, state)
    prepared = _stored(state, wanted, prepared)
    flow_file = prefect_yaml.write(prepared.plan, prepared.generated, output)
    lines = [
        f"{prepared.plan.full_name} is written to {output} and {flow_file.name} beside it. Deploy it with:",
        f"    prefect --no-prompt deploy --all --prefect-file {shlex.quote(output.name)}    (in {output.parent.resolve()})",
    ]
    if prepared.plan.kept.names:
        lines.append(
            "@environment takes values from this environment, which are in neither file. "
            f"Give its runs these variables: {', '.join(prepared.plan.kept.names)}"
        )
    return "\n".join(lines)


def report(prepared: Prepared, deployed: Deployed) -> str:
    """Say what was deployed and how to go on."""
    planned = prepared.plan
    facts = [
        ("work pool", f"{planned.work_pool} ({prepared.site.pool_type})"),
        *(("schedule", line) for line in summary.schedule_lines(planned)),
        *(("starts on", event.event) for event in _events(planned.triggers)),
        ("namespace", f"production:{prepared.token}"),
    ]
    if deployed.url is not None:
        facts.append(("page", deployed.url))
    return "\n".join(
        (
            f"{planned.flow_name} is deployed as {deployed.full_name}.",
            *(f"  {name:<9}  {value}" for name, value in facts),
            "",
            "Start a run of it, and watch it:",
            f"  {typed_command.typed('trigger', *_needed(planned), *deployment_record.words(planned.full_name), '--wait')}",
            "",
            *_worker(planned.work_pool),
        )
    )


def _worker(pool: str) -> tuple[str, str]:
    """Say how the pool is served."""
    waits = "Its runs wait until a worker serves the pool; where none does yet:"
    if is_on_local_server():
        waits = (
            "Its schedules and runs wait until a worker serves the pool. "
            "The server of this machine goes on as long as one uses it:"
        )
    return waits, f"  {prefect_command('worker', 'start', '--pool', pool)}"


def _needed(planned: DeploymentPlan) -> tuple[str, ...]:
    """Return the options without which no run can be started."""
    required = planned.parameter_schema["required"]
    return typed_command.values(
        name
        for name, key in planned.keys.items()
        if key in required and key not in planned.parameters
    )


def _prepare(
    client: Any,
    state: Any,
    wanted: DeployOptions,
    options: CompileOptions,
    request: TokenRequest,
) -> Prepared:
    flow = _reachable(analyse_for(state, Path(state.entrypoint[-1]).parent, options))
    target = of_flow(flow.name, wanted.name, flow.project)
    existing = deployment_record.find(client, target.full_name)
    holder = None if existing is None else existing.holder
    shown = production_tokens.cached(target.token_prefix)
    production_tokens.check(
        holder, user(), request.authorize, shown, deployment_record.words(target.full_name)
    )
    token = production_tokens.choose(
        holder, request, target.token_prefix, is_project=target.is_project
    )
    site = gather(state, apply.pool(client, wanted.work_pool, existing), token)
    findings = files.missing(files.included(state.flow, wanted.parameter_defaults))
    if findings:
        raise UnsupportedFlow(flow.name, findings)
    code = code_files(state)
    generated = render_standalone(flow, code)
    package = _package(state, flow.name, code)
    if package is not None:
        variables = code_storage.code_variables(state.flow_datastore, package)
        site = replace(site, metaflow_environment={**site.metaflow_environment, **variables})
    planned = plan(flow, generated, wanted, site)
    apply.check_schedules(planned)
    return Prepared(
        flow=flow,
        target=target,
        plan=planned,
        generated=generated,
        package=package,
        site=site,
        existing=existing,
    )


def _reachable(flow: ir.Flow) -> ir.Flow:
    """Return *flow* with a local datastore's root as it is called from wherever its runs are."""
    root = flow.backends.datastore_root
    if root is None or flow.backends.datastore != "local":
        return flow
    absolute = os.path.abspath(Path(root).expanduser())  # noqa: PTH100  `absolute` leaves ".." in
    return replace(flow, backends=replace(flow.backends, datastore_root=absolute))


def _stored(state: Any, wanted: DeployOptions, prepared: Prepared) -> Prepared:
    """Store what the runs need, and plan again with where the files of IncludeFile are."""
    datastore = state.flow_datastore
    contents = (prepared.package, prepared.plan.code.stored)
    code_storage.keep(datastore, [content for content in contents if content is not None])
    included = files.included(state.flow, wanted.parameter_defaults)
    if not included:
        return prepared
    defaults = code_storage.keep_files(datastore, included)
    wanted = replace(wanted, parameter_defaults={**wanted.parameter_defaults, **defaults})
    return replace(prepared, plan=plan(prepared.flow, prepared.generated, wanted, prepared.site))


def _package(state: Any, flow: str, files_of_code: Mapping[str, bytes]) -> bytes | None:
    """Return the code package for `Run.code`; None where the code is read from this machine's files."""
    if state.flow_datastore.TYPE == "local":
        return None
    return code_storage.code_package(flow, Path(state.entrypoint[-1]).name, files_of_code)


def _events(triggers: ir.Triggers | None) -> tuple[ir.Trigger, ...]:
    return () if triggers is None else triggers.events
