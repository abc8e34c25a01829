"""The command `deploy`: analyze, authorize and plan, then show the plan, write it or carry it out."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.analysis import Analysis, CompileRequest, files, interpreters
from metaflow_prefect.analysis.files import IncludedFile
from metaflow_prefect.compiler import check_schedule, code_with_project, examine_for
from metaflow_prefect.deploy import prefect_yaml
from metaflow_prefect.deploy.plan import (
    image_choice,
    job_variables,
    lock_target,
    step_containers,
    summary,
)
from metaflow_prefect.deploy.plan.deploy_context import DeployContext, ImageChoice, WorkPool
from metaflow_prefect.deploy.plan.options import DeployOptions
from metaflow_prefect.deploy.plan.plan import (
    DeploymentPlan,
    check_parameters,
    concurrency,
    plan,
    with_new_defaults,
    work_queue,
)
from metaflow_prefect.deploy.server import apply, code_storage, deployment_record, production_tokens
from metaflow_prefect.deploy.server.apply import Deployed
from metaflow_prefect.deploy.server.deployment_name import DeploymentName, of_flow
from metaflow_prefect.deploy.server.deployment_record import DeploymentRecord
from metaflow_prefect.deploy.server.gather_context import (
    gather,
    places,
    step_pools,
    user,
    work_pool,
)
from metaflow_prefect.deploy.server.production_tokens import TokenRequest
from metaflow_prefect.errors import Finding, Refusals, UnsupportedFlow
from metaflow_prefect.render import render_standalone
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.local import typed_command
from metaflow_prefect.runtime.packages.interpreters import here
from metaflow_prefect.runtime.packages.lock import Target
from metaflow_prefect.runtime.packages.uv import INSTALL_IT, Uv
from metaflow_prefect.runtime.servers.connection import (
    is_on_local_server,
    prefect_client,
    prefect_command,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan that is ready to be carried out, and what it was made from; `package` is for `Run.code`.

    `included` are the files of IncludeFile parameters, which the plan has by their paths until they are stored.
    """

    name: DeploymentName
    plan: DeploymentPlan
    generated: str
    package: bytes | None
    included: tuple[IncludedFile, ...]
    context: DeployContext
    existing: DeploymentRecord | None

    @property
    def token(self) -> str:
        """The production token of the deployment."""
        assert self.context.token is not None  # noqa: S101  every deployment has one
        return self.context.token


def deploy(
    state: Any, wanted: DeployOptions, request: CompileRequest, token: TokenRequest
) -> tuple[Prepared, Deployed]:
    """Plan and apply the deployment of the flow of *state*.

    Raises:
        MetaflowPrefectError: something was refused; the server is as it was.
    """
    with prefect_client() as client:
        prepared = _prepare(client, state, wanted, request, token, Refusals())
        planned = _stored(state, prepared)
        deployed = apply.apply(client, planned, prepared.existing)
    production_tokens.remember(prepared.name.token_prefix, prepared.token)
    return prepared, deployed


def prepare(
    state: Any, wanted: DeployOptions, request: CompileRequest, token: TokenRequest
) -> Prepared:
    """Plan the deployment of the flow of *state*; only reads.

    Raises:
        MetaflowPrefectError: `deploy` would be refused.
    """
    with prefect_client() as client:
        return _prepare(client, state, wanted, request, token, Refusals())


def write_yaml(
    state: Any, wanted: DeployOptions, request: CompileRequest, token: TokenRequest, output: Path
) -> str:
    """Write the plan as a `prefect.yaml` and return what to tell the user.

    What its runs need in the datastore is stored there.

    Raises:
        MetaflowPrefectError: `deploy` would be refused, a `prefect.yaml` has no place for an option, or the file
            cannot be written there.
    """
    refusals = Refusals()
    with refusals.gather():
        prefect_yaml.check_options(wanted)
    with prefect_client() as client:
        # A block of a notification that is refused anyway need not exist.
        wanted = replace(wanted, notifications=())
        prepared = _prepare(client, state, wanted, request, token, refusals)
    prefect_yaml.check(prepared.plan, output, state)
    planned = _stored(state, prepared)
    flow_file = prefect_yaml.write(planned, prepared.generated, output)
    lines = [
        f"{planned.full_name} is written to {output} and {flow_file.name} beside it. Deploy it with:",
        f"    prefect --no-prompt deploy --all --prefect-file {shlex.quote(output.name)}    (in {output.parent.resolve()})",
    ]
    if planned.captured.names:
        lines.append(
            "@environment takes values from this environment, which neither file contains. "
            f"Set these variables for its runs: {', '.join(planned.captured.names)}"
        )
    return "\n".join(lines)


def report(prepared: Prepared, deployed: Deployed) -> str:
    """Return what was deployed, and the commands to use next."""
    planned = prepared.plan
    facts = [
        ("work pool", str(prepared.context.pool)),
        *(("container", line) for line in planned.container),
        *((step, line) for step, line in planned.step_lines),
        *(("schedule", line) for line in summary.schedule_lines(planned)),
        *(("starts on", event.event) for event in _events(planned.triggers)),
        ("namespace", f"production:{prepared.token}"),
    ]
    if deployed.url is not None:
        facts.append(("page", deployed.url))
    width = max(len(name) for name, _ in facts)
    return "\n".join(
        (
            f"{planned.flow_name} is deployed as {deployed.full_name}.",
            *(f"  {name:<{width}}  {value}" for name, value in facts),
            "",
            "Start a run and watch it:",
            f"  {typed_command.typed('trigger', *_needed(planned), *deployment_record.name_option(planned.full_name), '--wait')}",
            "",
            *_worker(planned.work_pool),
        )
    )


def _worker(pool: str) -> tuple[str, str]:
    """Return how to start a worker for the pool."""
    waits = "Its runs wait until a worker serves the pool. If none does yet, start one:"
    if is_on_local_server():
        waits = (
            "Its schedules and runs wait until a worker serves the pool. "
            "The server of this machine keeps running as long as a worker uses it:"
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
    request: CompileRequest,
    token_request: TokenRequest,
    refusals: Refusals,
) -> Prepared:
    """Plan the deployment, or refuse it for all reasons at once, those in *refusals* included."""
    folder = Path(state.entrypoint[-1]).parent
    wanted_analysis = replace(request, check_schedule=check_schedule, carries_code=True)
    analysis = examine_for(state, folder, wanted_analysis)
    flow = _with_absolute_root(analysis.flow)
    included = files.included(state.flow, wanted.parameter_defaults)
    code = code_with_project(state, analysis)
    _check_flow(analysis, included, wanted, refusals)
    name = context = existing = None
    with refusals.gather():
        name = of_flow(flow.name, wanted.name, flow.project)
        existing = deployment_record.find(client, name.full_name)
    if name is not None:
        token = None
        with refusals.gather():
            token = _token(name, existing, token_request)
        with refusals.gather():
            pool = work_pool(client, wanted.work_pool, existing)
            pools = step_pools(client, step_containers.named_pools(flow), refusals)
            image, step_images = _choose_images(analysis, wanted, pool, pools, refusals)
            wanted = replace(wanted, image=image.image or wanted.image)
            _check_uv(analysis, pool, refusals)
            job_variables.check(flow, wanted, pool, refusals)
            apply.check(client, pool.name, work_queue(wanted), wanted.notifications, refusals)
            limited = replace(pool, concurrency_limit=_places(client, flow, pool, wanted))
            step_containers.check(flow, limited, pools, wanted, refusals)
            context = replace(
                gather(state, pool, token, code),
                image=image, step_images=step_images, step_pools=pools,
            )  # fmt: skip
    refusals.raise_all()
    assert name is not None  # noqa: S101  or it was refused
    assert context is not None  # noqa: S101  or its pool was refused
    # Last: it takes minutes where they are not there yet.
    target, elsewhere = _lock_targets(flow, wanted, context)
    flow = interpreters.made(state, flow, target, elsewhere=elsewhere)
    code = {**code, **interpreters.manifest(state)}
    generated = render_standalone(flow, code, analysis.project)
    package = _package(state, flow.name, code)
    if package is not None:
        variables = code_storage.code_variables(state.flow_datastore, package)
        of_metaflow = {**context.metaflow_environment, **variables}
        context = replace(context, metaflow_environment=of_metaflow)
    return Prepared(
        name=name,
        plan=plan(flow, generated, wanted, context),
        generated=generated,
        package=package,
        included=included,
        context=context,
        existing=existing,
    )


def _places(client: Any, flow: ir.Flow, pool: WorkPool, wanted: DeployOptions) -> int | None:
    """Return how many flow runs are executed at the same time where the flow's and its steps' are."""
    if not any(step.container for step in flow.steps):
        return None
    queue = work_queue(wanted)
    return places(client, pool, None if queue is None else queue.name)


def _lock_targets(
    flow: ir.Flow, wanted: DeployOptions, context: DeployContext
) -> tuple[Target, Mapping[str, Target]]:
    """Return what packages are locked for: in the flow's container, and in those of steps by their names."""
    platform = os.environ.get(variables.PLATFORM) or None
    pool = context.pool
    chosen = job_variables.chosen_variables(wanted, pool)
    found = step_containers.step_containers(
        flow, pool, context.step_pools, wanted, context.step_images
    )
    return lock_target.target(chosen, pool, here(), platform=platform), {
        item.step: lock_target.target(
            {**job_variables.chosen_for_steps(wanted, pool, item.pool), **item.job_variables},
            item.pool,
            here(),
            platform=platform,
        )
        for item in found
    }


def _check_flow(
    analysis: Analysis,
    included: tuple[IncludedFile, ...],
    wanted: DeployOptions,
    refusals: Refusals,
) -> None:
    """Gather what no work pool could do."""
    with refusals.gather():
        analysis.check()
    missing = files.missing(included)
    if missing:
        refusals.add(UnsupportedFlow(analysis.flow.name, missing))
    # Of a parameter that was refused itself, more would be misleading.
    if analysis.are_parameters_complete:
        with refusals.gather():
            check_parameters(analysis.flow, wanted)
    with refusals.gather():
        concurrency(wanted)
    for schedule in wanted.schedules:
        with refusals.gather():
            apply.known_schedule(schedule)


def _choose_images(
    analysis: Analysis,
    wanted: DeployOptions,
    pool: WorkPool,
    pools: Mapping[str, WorkPool],
    refusals: Refusals,
) -> tuple[ImageChoice, Mapping[str, ImageChoice]]:
    """Choose the images of the Pythons that are asked for: the flow's, and those of steps by their names."""
    flow, pythons = analysis.flow, analysis.pythons
    own = image_choice.of_flow(flow, pythons, job_variables.chosen_variables(wanted, pool), pool)
    of_steps = step_containers.images(flow, pythons, pool, pools, wanted, own.image)
    findings = [finding for choice in (own, *of_steps.values()) for finding in choice.findings]
    if findings:
        refusals.add(UnsupportedFlow(flow.name, tuple(findings)))
    return own, of_steps


def _check_uv(analysis: Analysis, pool: WorkPool, refusals: Refusals) -> None:
    """Refuse a uv project whose packages this machine, on which its runs are executed, cannot install."""
    if analysis.project is None or not pool.is_local or Uv.found(os.environ) is not None:
        return
    missing = Finding(
        where="flow",
        feature=f"--environment=uv on work pool {pool}",
        reason="uv, which installs the packages of the project, is not on this machine",
        remedy=INSTALL_IT,
    )
    refusals.add(UnsupportedFlow(analysis.flow.name, (missing,)))


def _token(name: DeploymentName, existing: DeploymentRecord | None, request: TokenRequest) -> str:
    """Return the production token, where the user may deploy."""
    holder = None if existing is None else existing.holder
    option = deployment_record.name_option(name.full_name)
    cached = production_tokens.cached(name.token_prefix)
    production_tokens.check(holder, user(), request.authorize, cached, option)
    return production_tokens.choose(holder, request, name.token_prefix, is_project=name.is_project)


def _with_absolute_root(flow: ir.Flow) -> ir.Flow:
    """Return *flow* with the absolute path of a local datastore's root: runs start in other folders."""
    root = flow.backends.datastore_root
    if root is None or flow.backends.datastore != "local":
        return flow
    absolute = os.path.abspath(Path(root).expanduser())  # noqa: PTH100  `absolute` leaves ".." in
    return replace(flow, backends=replace(flow.backends, datastore_root=absolute))


def _stored(state: Any, prepared: Prepared) -> DeploymentPlan:
    """Store what the runs need, and return the plan with where the files of IncludeFile are."""
    contents = (prepared.package, prepared.plan.code.stored)
    found = [content for content in contents if content is not None]
    code_storage.keep(state.flow_datastore, found)
    if not prepared.included:
        return prepared.plan
    defaults = code_storage.keep_files(state.flow_datastore, prepared.included)
    return with_new_defaults(prepared.plan, defaults)


def _package(state: Any, flow: str, files_of_code: Mapping[str, bytes]) -> bytes | None:
    """Return the code package for `Run.code`; None where the code is read from this machine's files."""
    if state.flow_datastore.TYPE == "local":
        return None
    return code_storage.code_package(flow, Path(state.entrypoint[-1]).name, files_of_code)


def _events(triggers: ir.Triggers | None) -> tuple[ir.Trigger, ...]:
    return () if triggers is None else triggers.events
