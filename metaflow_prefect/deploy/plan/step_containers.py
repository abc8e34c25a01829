"""The deployments that give the steps with @northflank their containers, and what each container is; pure.

All steps whose containers come from the same work pool share one deployment of the generated file: its flow runs
execute tasks, and have no schedule, no trigger and no limit. What differs between the steps are the job variables, which
the deployment of the flow itself knows and gives to each flow run that it asks for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.analysis.pythons import PythonRequest
from metaflow_prefect.deploy.plan import image_choice, job_schema, job_variables
from metaflow_prefect.deploy.plan.container_size import ContainerSize, container_size
from metaflow_prefect.deploy.plan.deploy_context import ImageChoice, WorkPool
from metaflow_prefect.deploy.plan.options import DeployOptions
from metaflow_prefect.errors import DeploymentRefused, Finding, Refusals, UnsupportedFlow
from metaflow_prefect.render import steps_flow_name
from metaflow_prefect.runtime import variables


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContainer:
    """The container of one step: its pool, its job variables there, and its size in words."""

    step: str
    pool: WorkPool
    job_variables: Mapping[str, Any]
    line: str
    findings: tuple[Finding, ...] = ()


_GPU_TYPE = ("gpu_type", "billing_gpu_type")
"""Job variables of a deployment that name the type of GPU, in containers of steps too."""


def named_pools(flow: ir.Flow) -> tuple[str, ...]:
    """Return the work pools that steps name, without repetition."""
    named = (step.container.pool for step in flow.steps if step.container is not None)
    return tuple(dict.fromkeys(name for name in named if name is not None))


def step_containers(
    flow: ir.Flow,
    own_pool: WorkPool,
    pools: Mapping[str, WorkPool],
    options: DeployOptions,
    images: Mapping[str, ImageChoice],
) -> tuple[StepContainer, ...]:
    """Return the containers of the steps with @northflank; *pools* are those that steps name, *images* theirs by step."""
    return tuple(
        _container(
            flow,
            step,
            pool_of(step.container, own_pool, pools),
            images.get(step.name, ImageChoice()),
            job_variables.chosen_for_steps(
                options, own_pool, pool_of(step.container, own_pool, pools)
            ),
        )
        for step in flow.steps
        if step.container is not None
    )


def images(
    flow: ir.Flow,
    requests: tuple[PythonRequest, ...],
    own_pool: WorkPool,
    pools: Mapping[str, WorkPool],
    options: DeployOptions,
    inherited: str | None,
) -> Mapping[str, ImageChoice]:
    """Choose the images of the steps with @northflank, by their names; *requests* are all that ask for a Python.

    *inherited* is the image that was chosen for the flow, which its steps on the same pool have, too.
    """
    found: dict[str, ImageChoice] = {}
    for step in flow.steps:
        if step.container is not None:
            pool = pool_of(step.container, own_pool, pools)
            of_deployment = job_variables.chosen_for_steps(options, own_pool, pool)
            chosen = {**of_deployment, **chosen_variables(step.container, pool, of_deployment)}
            default = inherited if pool.name == own_pool.name else None
            found[step.name] = image_choice.of_step(step.name, requests, chosen, pool, default)
    return found


def pool_of(container: ir.Container, own_pool: WorkPool, pools: Mapping[str, WorkPool]) -> WorkPool:
    """Return the work pool from which a container comes: the one that it names of *pools*, or the deployment's own."""
    return pools.get(container.pool or "", own_pool)


def chosen_variables(
    container: ir.Container, pool: WorkPool, of_deployment: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the job variables that @northflank asks for; *of_deployment* are those of all steps on *pool*."""
    chosen: dict[str, Any] = {}
    if container.image is not None and not pool.is_local:
        # Of the two names, the worker lets the short one win.
        name = "image" if of_deployment.get("image") else pool.image_variable
        chosen[name] = container.image
    if pool.type == "northflank" and container.plan is not None:
        chosen["billing_deployment_plan"] = container.plan
    if pool.type == "northflank" and container.gpu_type is not None:
        chosen["gpu_type"] = container.gpu_type
    return {**chosen, **json.loads(container.job_variables)}


def _container(
    flow: ir.Flow,
    step: ir.Step,
    pool: WorkPool,
    image: ImageChoice,
    of_deployment: Mapping[str, Any],
) -> StepContainer:
    container = step.container
    assert container is not None  # noqa: S101  only ever called for such steps
    if image.image is not None:
        container = replace(container, image=image.image)
    chosen = chosen_variables(container, pool, of_deployment)
    unfit = job_schema.findings(chosen, pool.template)
    at_once = _at_once(flow, step.name, container)
    requests = tuple(_together(container.resources, at_once))
    alone = replace(flow, steps=(replace(step, resources=requests, container=None),))
    gpu_type = {name: of_deployment[name] for name in _GPU_TYPE if name in of_deployment}
    size = container_size(alone, {**gpu_type, **chosen}, pool)
    environment = {**_capacity(size), **chosen.pop("env", {})}
    given = {**size.variables, **chosen, **({"env": environment} if environment else {})}
    words = "; ".join((*image.lines, *size.lines)) or "as the work pool has it"
    return StepContainer(
        step=step.name,
        pool=pool,
        job_variables=given,
        line=words.replace(f"{step.name} asks for ", ""),
        findings=(
            *(_of_decorator(finding, step.name, at_once) for finding in size.findings),
            *_without_gpus(step.name, requests, chosen, pool),
            *(replace(finding, where=f"{step.name}, {finding.where}") for finding in unfit),
        ),
    )


def _at_once(flow: ir.Flow, step: str, container: ir.Container) -> int:
    """Return how many tasks run at the same time in a container: one, unless a foreach leads to the step."""
    is_widened = any(
        step in other.next for other in flow.steps if other.transition is ir.Transition.FOREACH
    )
    if not is_widened:
        return 1
    at_once = container.at_once or 1
    return at_once if container.tasks is None else min(at_once, container.tasks)


def _together(resources: Iterable[ir.Resource], at_once: int) -> Iterator[ir.Resource]:
    """Yield what the tasks that run at the same time in a container ask for together."""
    for resource in resources:
        yield replace(resource, value=f"{float(resource.value) * at_once:.10g}")


def _of_decorator(finding: Finding, step: str, at_once: int) -> Finding:
    """Return what the size of the container is refused for, in the words of @northflank."""
    asked = finding.feature.removeprefix("@resources(").removesuffix(")")
    together = f" for {at_once} tasks at once" if at_once > 1 else ""
    remedy = finding.remedy.replace(
        "set the job variable gpu_type to", "write @northflank(gpu_type=…) with"
    )
    return replace(
        finding, where=step, feature=f"@northflank with {asked}{together}", remedy=remedy
    )


def _without_gpus(
    step: str, requests: Iterable[ir.Resource], chosen: Mapping[str, Any], pool: WorkPool
) -> Iterator[Finding]:
    """Refuse a plan that is named and has fewer GPUs than the tasks ask for."""
    from prefect_northflank.api.plans import PUBLISHED

    name = chosen.get("billing_deployment_plan") if pool.type == "northflank" else None
    gpus = next((float(item.value) for item in requests if item.name == "gpu"), 0)
    plan = next((plan for plan in PUBLISHED if plan.id == name), None)
    if plan is not None and plan.gpus < gpus:
        yield Finding(
            where=step,
            feature=f"@northflank with plan={plan.id}, gpu={gpus:g}",
            reason=f"this plan has {plan.gpus or 'no'} GPUs",
            remedy="leave the plan out and write @northflank(gpu_type=…), or name a plan with GPUs",
        )


def _capacity(size: ContainerSize) -> dict[str, str]:
    rate = {} if size.rate is None else size.rate.environment()
    amounts = {variables.CONTAINER_CPU: size.cpu, variables.CONTAINER_MEMORY: size.memory}
    capacity = {name: f"{amount:.10g}" for name, amount in amounts.items() if amount is not None}
    return {**capacity, **rate}


def check(
    flow: ir.Flow,
    own_pool: WorkPool,
    pools: Mapping[str, WorkPool],
    options: DeployOptions,
    refusals: Refusals,
) -> None:
    """Gather what the containers of the steps cannot have."""
    # No image is too small for anything.
    found = step_containers(flow, own_pool, pools, options, {})
    findings = [
        *(finding for item in found for finding in item.findings),
        *_unreachable(flow, found, is_datastore_mounted=options.is_datastore_mounted),
    ]
    if findings:
        refusals.add(UnsupportedFlow(flow.name, tuple(findings)))
    if any(item.pool.name == own_pool.name for item in found):
        _check_limit(flow, own_pool, options, refusals)


def _check_limit(flow: ir.Flow, pool: WorkPool, options: DeployOptions, refusals: Refusals) -> None:
    """Refuse a pool whose limit lets the runs of the deployment take all places and wait for ever."""
    limit = pool.concurrency_limit
    if limit is None or (options.concurrency_limit or limit) < limit:
        return
    places = f"{limit} flow run{'s' if limit > 1 else ''} at the same time"
    lower = f"give a --concurrency-limit below {limit}, " if limit > 1 else "raise the limit, "
    refusals.add(
        DeploymentRefused(
            f"Work pool {pool}, or its work queue, executes {places}: runs of {flow.name} could take all of these places, and would wait "
            "for containers of their steps, which need places there, too; nothing was created.",
            fix=f"{lower}or run the steps on another pool: @northflank(pool=…)",
        )
    )


def _unreachable(
    flow: ir.Flow, found: Iterable[StepContainer], *, is_datastore_mounted: bool
) -> Iterator[Finding]:
    if flow.backends.datastore != "local" or is_datastore_mounted:
        return
    for item in found:
        if not item.pool.is_local:
            yield Finding(
                where=item.step,
                feature="@northflank with --datastore=local",
                reason="its container doesn't see this machine's files, and would lose every artifact",
                remedy="deploy with --datastore=s3, azure or gs; or, if the containers mount a shared volume, "
                "name it: --job-variable env.METAFLOW_DATASTORE_SYSROOT_LOCAL=/mount",
            )


def sources_variable(
    flow: ir.Flow, name: str, own_pool: WorkPool, found: Iterable[StepContainer]
) -> dict[str, str]:
    """Return the variable by which a flow run knows where the containers of its steps come from."""
    sources = {
        item.step: {
            "deployment": f"{steps_flow_name(flow)}/{deployment_name(name, item.pool, own_pool)}",
            "job_variables": dict(item.job_variables),
        }
        for item in found
    }
    if not sources:
        return {}
    # Prefect must not resolve a reference to a secret here: the run would pass its value on in plain text.
    told = json.dumps(sources, sort_keys=True).replace("{{", r"\u007b\u007b")
    return {variables.STEP_CONTAINERS: told}


def deployment_name(name: str, pool: WorkPool, own_pool: WorkPool) -> str:
    """Return the name of the deployment beside *name* whose flow runs execute steps on *pool*."""
    return name if pool.name == own_pool.name else f"{name}.{pool.name}"
