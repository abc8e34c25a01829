"""The deployment plan: everything `deploy` will create, as a value. Pure; `apply` carries it out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.deploy.plan import job_variables as jobs
from metaflow_prefect.deploy.plan import pull_step, schedules, step_containers
from metaflow_prefect.deploy.plan.deploy_context import DeployContext, WorkPool
from metaflow_prefect.deploy.plan.options import (
    Collision,
    DeployOptions,
    Notification,
    with_defaults,
)
from metaflow_prefect.deploy.plan.parameter_schema import parameter_schema
from metaflow_prefect.errors import DeploymentRefused, UnsupportedFlow
from metaflow_prefect.render import (
    argument_names,
    entrypoint_name,
    steps_entrypoint_name,
    steps_flow_name,
)
from metaflow_prefect.runtime.step_containers import child_runs
from metaflow_prefect.runtime.store.captured_environment import CapturedEnvironment

DEFAULT_NAME = "default"

_NAME_LIMIT = 255
_BANNED = re.compile(r"[/%&<>\"]|[\x00-\x1f]")
"""What Prefect refuses in names (`prefect.types.names`), and the quotation mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency:
    """How many runs of the deployment may be active at once, and what happens to one more."""

    limit: int
    collision: Collision


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkQueue:
    """The queue of the work pool that holds the deployment's runs; created if `priority` is given."""

    name: str
    priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentPlan:
    """One deployment, complete. `is_paused` None leaves an existing deployment as it is.

    `steps` are the deployments that give its steps containers of their own, one for each work pool, and
    `step_lines` say of each such step which container it has.
    """

    flow_name: str
    name: str
    entrypoint: str
    description: str
    version: str
    tags: tuple[str, ...]
    parameters: Mapping[str, Any]
    parameter_schema: Mapping[str, Any]
    keys: Mapping[str, str]
    flow_parameters: tuple[ir.Parameter, ...]
    schedules: tuple[ir.Schedule, ...]
    triggers: ir.Triggers | None
    notifications: tuple[Notification, ...]
    is_paused: bool | None
    concurrency: Concurrency | None
    work_pool: str
    work_queue: WorkQueue | None
    job_variables: Mapping[str, Any]
    container: tuple[str, ...]
    code: pull_step.CodeDelivery
    captured: CapturedEnvironment
    steps: tuple[DeploymentPlan, ...] = ()
    step_lines: tuple[tuple[str, str], ...] = ()

    @property
    def full_name(self) -> str:
        """The deployment's name as Prefect's commands take it: `flow/deployment`."""
        return f"{self.flow_name}/{self.name}"

    @property
    def pull_steps(self) -> tuple[Mapping[str, Any], ...]:
        """What Prefect does before it executes the flow."""
        return (self.code.step,)


def plan(
    flow: ir.Flow, generated: str, options: DeployOptions, context: DeployContext
) -> DeploymentPlan:
    """Decide everything about the deployment of *flow*, whose standalone file is *generated*.

    Raises:
        UnsupportedFlow: the work pool does not have what the flow needs.
        ParameterRefused: a default does not fit its parameter.
        DeploymentRefused: the options contradict each other or the pool.
    """
    name = deployment_name(flow.project, options.name)
    file_name = f"{entrypoint_name(flow)}.py"
    keys = argument_names(flow)
    parameters = with_defaults(flow.parameters, options.parameter_defaults)
    is_triggered = flow.triggers is not None
    found = step_containers.step_containers(
        flow, context.pool, context.step_pools, options, context.step_images
    )
    job_variables = jobs.job_variables(flow, f"{flow.name}/{name}", options, context)
    job_variables["env"].update(step_containers.sources_variable(flow, name, context.pool, found))
    planned = DeploymentPlan(
        flow_name=flow.name,
        name=name,
        entrypoint=f"{file_name}:{entrypoint_name(flow)}",
        # As Prefect itself would describe it, from the generated function.
        description=flow.doc or flow.name,
        version=flow.source.sha256[:12],
        tags=_tags(flow, options, context),
        parameters=_values(parameters, keys),
        parameter_schema=parameter_schema(parameters, keys, is_triggered=is_triggered),
        keys=keys,
        flow_parameters=parameters,
        schedules=_schedules(flow, options, parameters),
        triggers=flow.triggers,
        notifications=options.notifications,
        is_paused=options.is_paused,
        concurrency=concurrency(options),
        work_pool=context.pool.name,
        work_queue=work_queue(options),
        job_variables=job_variables,
        container=(*context.image.lines, *jobs.container_lines(flow, options, context.pool)),
        code=pull_step.code_delivery(
            file_name, generated, flow.name, context.python if context.pool.is_local else "python"
        ),
        captured=context.captured,
    )
    if not found:
        return planned
    pools = {item.pool.name: item.pool for item in found}
    return replace(
        planned,
        steps=tuple(_for_steps(planned, flow, options, context, pool) for pool in pools.values()),
        step_lines=tuple((item.step, _place(item, context.pool)) for item in found),
    )


def _place(item: step_containers.StepContainer, own_pool: WorkPool) -> str:
    elsewhere = "" if item.pool.name == own_pool.name else f"; on work pool {item.pool}"
    return f"{item.line}{elsewhere}"


def _for_steps(
    planned: DeploymentPlan,
    flow: ir.Flow,
    options: DeployOptions,
    context: DeployContext,
    pool: WorkPool,
) -> DeploymentPlan:
    """Return the deployment whose flow runs execute the steps that run on *pool*."""
    function = steps_entrypoint_name(flow)
    return replace(
        planned,
        flow_name=steps_flow_name(flow),
        name=step_containers.deployment_name(planned.name, pool, context.pool),
        entrypoint=f"{planned.entrypoint.partition(':')[0]}:{function}",
        description=f"Containers for steps of {planned.full_name}; used by its runs.",
        tags=(child_runs.TAG, *planned.tags[1:], f"steps-of:{planned.full_name}"),
        parameters={},
        parameter_schema={
            "type": "object",
            "properties": {"tasks": {"type": "object", "title": "tasks", "position": 0}},
            "required": ["tasks"],
        },
        keys={},
        flow_parameters=(),
        schedules=(),
        triggers=None,
        notifications=(),
        is_paused=None,
        concurrency=None,
        work_pool=pool.name,
        work_queue=planned.work_queue if pool.name == context.pool.name else None,
        job_variables=jobs.step_job_variables(flow, planned.full_name, options, context, pool),
        container=(),
    )


def check_parameters(flow: ir.Flow, options: DeployOptions) -> None:
    """Make sure that the flow takes the defaults that *options* give, and that its schedules can start runs.

    Raises:
        ParameterRefused: a default does not fit its parameter.
        UnsupportedFlow: a scheduled run would lack a value.
    """
    _schedules(flow, options, with_defaults(flow.parameters, options.parameter_defaults))


def with_new_defaults(planned: DeploymentPlan, defaults: Mapping[str, str]) -> DeploymentPlan:
    """Return the plan with other *defaults* of its parameters, as typed."""
    parameters = with_defaults(planned.flow_parameters, defaults)
    is_triggered = planned.triggers is not None
    return replace(
        planned,
        flow_parameters=parameters,
        parameters=_values(parameters, planned.keys),
        parameter_schema=parameter_schema(parameters, planned.keys, is_triggered=is_triggered),
    )


def _values(parameters: tuple[ir.Parameter, ...], keys: Mapping[str, str]) -> dict[str, Any]:
    return {keys[item.name]: item.default for item in parameters if not item.required}


def deployment_name(project: ir.Project | None, name: str | None) -> str:
    """Return the name of a deployment: under @project `project.branch.Flow`, with *name* appended if given.

    Raises:
        DeploymentRefused: it is too long, or has characters that Prefect refuses.
    """
    words = [project.flow_name] if project is not None else []
    words += [name] if name else []
    chosen = ".".join(words) or DEFAULT_NAME
    if len(chosen) > _NAME_LIMIT:
        raise DeploymentRefused(
            f"The deployment's name has {len(chosen)} characters; it may have {_NAME_LIMIT}.",
            fix="choose a shorter --name or --branch",
        )
    if _BANNED.search(chosen):
        raise DeploymentRefused(
            f"The deployment's name {chosen!r} has characters that Prefect refuses.",
            fix="leave out / % & < > quotation marks and line breaks",
        )
    return chosen


def _schedules(
    flow: ir.Flow, options: DeployOptions, parameters: tuple[ir.Parameter, ...]
) -> tuple[ir.Schedule, ...]:
    found = schedules.schedules(flow.schedule, options.schedules)
    if findings := schedules.without_a_value(found, parameters):
        raise UnsupportedFlow(flow.name, findings)
    return found


def _tags(flow: ir.Flow, options: DeployOptions, context: DeployContext) -> tuple[str, ...]:
    of_project = () if flow.project is None else flow.project.labels
    always = ("metaflow", f"user:{context.owner}")
    return tuple(dict.fromkeys((*always, *of_project, *flow.tags, *options.tags)))


def concurrency(options: DeployOptions) -> Concurrency | None:
    """Return the limit of active runs that the options ask for.

    Raises:
        DeploymentRefused: --collision is given without a limit.
    """
    if options.concurrency_limit is None:
        if options.collision is not Collision.ENQUEUE:
            raise DeploymentRefused(
                f"--collision {options.collision.value} has no effect without a limit; nothing was created.",
                fix="give --concurrency-limit too",
            )
        return None
    return Concurrency(limit=options.concurrency_limit, collision=options.collision)


def work_queue(options: DeployOptions) -> WorkQueue | None:
    """Return the queue that the options ask for, by its name or by a priority."""
    if options.work_queue is not None:
        return WorkQueue(name=options.work_queue, priority=options.priority)
    if options.priority is not None:
        return WorkQueue(name=f"priority-{options.priority}", priority=options.priority)
    return None
