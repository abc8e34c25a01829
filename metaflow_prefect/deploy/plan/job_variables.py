"""The job variables of a deployment, which tell the containers of its runs what they need; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.analysis.uv_project import PASSWORD_IN_ADDRESS
from metaflow_prefect.deploy.plan import job_schema
from metaflow_prefect.deploy.plan.container_size import ContainerSize, container_size
from metaflow_prefect.deploy.plan.deploy_context import DeployContext, WorkPool
from metaflow_prefect.deploy.plan.options import DeployOptions
from metaflow_prefect.errors import DeploymentRefused, Finding, Refusals, UnsupportedFlow
from metaflow_prefect.runtime import variables

_FOR_METAFLOW: Mapping[str, Mapping[str, Any]] = {
    # A second container would execute the flow a second time while Prefect reschedules the first;
    # and no flow has asked for a limit of an hour, the worker's documented default.
    "northflank": {"settings_backoff_limit": 0, "settings_active_deadline_seconds": None},
}


_FOR_STEPS: Mapping[str, Mapping[str, Any]] = {
    # One job for all containers of a deployment: a thousand tasks need a thousand runs of it, not a thousand jobs.
    "northflank": {"cleanup_job": False},
}


_SIZE_ON_NORTHFLANK = frozenset(
    {
        *("billing_deployment_plan", "deployment_plan", "cpu", "memory", "disk", "shared_memory"),
        *("gpu", "gpu_enabled", "billing_gpu_enabled", "billing_gpu_count"),
    }
)
"""Job variables that say how large the container of the flow itself is; of a step's container @northflank says it."""


def job_variables(
    flow: ir.Flow, full_name: str, options: DeployOptions, context: DeployContext
) -> dict[str, Any]:
    """Return the values for the work pool's base job template.

    Raises:
        UnsupportedFlow: a container of the pool could not reach the flow's data.
        DeploymentRefused: the pool has no images to choose, or its schema refuses a variable.
    """
    refusals = Refusals()
    check(flow, options, context.pool, refusals)
    refusals.raise_all()
    return {
        **_FOR_METAFLOW.get(context.pool.type, {}),
        **container_size(flow, chosen_variables(options, context.pool), context.pool).variables,
        **chosen_variables(options, context.pool),
        "env": _environment(flow, full_name, options, context),
    }


def check(flow: ir.Flow, options: DeployOptions, pool: WorkPool, refusals: Refusals) -> None:
    """Gather what the flow or its options ask for and the work pool does not have."""
    findings = (
        *_unreachable(flow, options, pool),
        *_without_environment(flow, options, pool),
        *_exposed(options),
        *container_size(flow, chosen_variables(options, pool), pool).findings,
    )
    if findings:
        refusals.add(UnsupportedFlow(flow.name, findings))
    if options.image is not None and pool.is_local:
        refusals.add(
            DeploymentRefused(
                f"--image {options.image}: work pool {pool} runs processes, not images; nothing was created.",
                fix="leave --image out, or deploy to a pool that runs containers",
            )
        )
    bad_variables = job_schema.findings(chosen_variables(options, pool), pool.template)
    if bad_variables:
        listed = "\n".join(map(str, bad_variables))
        refusals.add(
            DeploymentRefused(
                f"Work pool {pool} can't take these job variables; nothing was created.\n{listed}",
                fix=f"correct --job-variable and --image; `prefect work-pool inspect {pool.name}` shows what the pool takes",
            )
        )


def step_job_variables(
    flow: ir.Flow, full_name: str, options: DeployOptions, context: DeployContext, pool: WorkPool
) -> dict[str, Any]:
    """Return the values for flow runs that execute steps on *pool*, without what each step has of its own.

    The job variables of the options are meant for the deployment's own pool.
    """
    given = _given_to_steps(options, context.pool, pool)
    environment = _environment(flow, full_name, given, replace(context, pool=pool))
    for name in (
        variables.CONTAINER_CPU,
        variables.CONTAINER_MEMORY,
        variables.CONTAINER_PLAN,
        variables.CONTAINER_PRICE,
    ):
        environment.pop(name, None)
    return {
        **_FOR_METAFLOW.get(pool.type, {}),
        **_FOR_STEPS.get(pool.type, {}),
        **chosen_for_steps(options, context.pool, pool),
        "env": environment,
    }


def chosen_for_steps(options: DeployOptions, own_pool: WorkPool, pool: WorkPool) -> dict[str, Any]:
    """Return the job variables that the options ask for in containers of steps on *pool*, by their names there."""
    return {
        name: value
        for name, value in chosen_variables(_given_to_steps(options, own_pool, pool), pool).items()
        if pool.type != "northflank" or name not in _SIZE_ON_NORTHFLANK
    }


def _given_to_steps(options: DeployOptions, own_pool: WorkPool, pool: WorkPool) -> DeployOptions:
    if pool.name == own_pool.name:
        return options
    given = options.job_variables
    return replace(
        options, image=None, job_variables={"env": given["env"]} if "env" in given else {}
    )


def container_lines(flow: ir.Flow, options: DeployOptions, pool: WorkPool) -> tuple[str, ...]:
    """Return the size of the container in words, and which step asks for it."""
    return container_size(flow, chosen_variables(options, pool), pool).lines


def chosen_variables(options: DeployOptions, pool: WorkPool) -> dict[str, Any]:
    """Return the job variables that the options ask for, by their names in the pool."""
    if options.image is None or pool.is_local:
        return dict(options.job_variables)
    return {pool.image_variable: options.image, **options.job_variables}


def _environment(
    flow: ir.Flow, full_name: str, options: DeployOptions, context: DeployContext
) -> dict[str, str]:
    environment = {
        # Metaflow refuses to run for a user it cannot name, which a container's root is.
        "METAFLOW_USER": "prefect",
        "METAFLOW_OWNER": context.owner,
        variables.DEPLOYMENT: full_name,
        **context.metaflow_environment,
    }
    namespace = options.namespace
    if context.token is not None:
        environment["METAFLOW_PRODUCTION_TOKEN"] = context.token
        namespace = namespace or f"production:{context.token}"
    if namespace is not None:
        environment[variables.NAMESPACE] = namespace
    if not context.pool.is_local:
        environment.update(_service_inside(context.metaflow_environment))
        # Installed by the stock image's entrypoint before it starts the flow run.
        environment["EXTRA_PIP_PACKAGES"] = " ".join(context.requirements)
        if flow.backends.datastore == "local":
            # A path of this machine means nothing there.
            environment.pop("METAFLOW_DATASTORE_SYSROOT_LOCAL", None)
    environment.update(
        _of_container(container_size(flow, chosen_variables(options, context.pool), context.pool))
    )
    environment.update(options.job_variables.get("env", {}))
    return environment


def _of_container(size: ContainerSize) -> dict[str, str]:
    """Return how much the tasks that run at the same time in a container may ask for together, and what it costs."""
    asked = {variables.CONTAINER_REQUEST: size.asked} if size.asked else {}
    amounts = {variables.CONTAINER_CPU: size.cpu, variables.CONTAINER_MEMORY: size.memory}
    capacity = {name: f"{amount:.10g}" for name, amount in amounts.items() if amount is not None}
    return {**capacity, **asked, **({} if size.rate is None else size.rate.environment())}


def _service_inside(metaflow: Mapping[str, str]) -> dict[str, str]:
    """Return the address of the metadata service for containers: Metaflow's other orchestrators set it for their tasks."""
    outside, inside = (
        metaflow.get(name) for name in ("METAFLOW_SERVICE_URL", "METAFLOW_SERVICE_INTERNAL_URL")
    )
    if inside is None or inside == outside:
        return {}
    outer = {} if outside is None else {variables.SERVICE_URL: outside}
    return {"METAFLOW_SERVICE_URL": inside, **outer}


def _unreachable(flow: ir.Flow, options: DeployOptions, pool: WorkPool) -> tuple[Finding, ...]:
    """Refuse a datastore that the containers of the work pool cannot reach."""
    if pool.is_local or flow.backends.datastore != "local" or options.is_datastore_mounted:
        return ()
    return (
        Finding(
            where="flow",
            feature=f"--datastore=local on a work pool of type {pool.type}",
            reason="its containers don't see this machine's files, and would lose every artifact",
            remedy="deploy with --datastore=s3, azure or gs; or, if the containers mount a shared volume, "
            "name it: --job-variable env.METAFLOW_DATASTORE_SYSROOT_LOCAL=/mount",
        ),
    )


_NOT_IN_CONTAINERS: Mapping[str, str] = {
    "conda": "the stock image has no micromamba, with which Metaflow makes the interpreters",
    "pypi": "its containers have no micromamba, by which the packages would be installed as things are here",
}
"""Why Metaflow's `--environment` does not work on a pool that runs containers."""

_MICROMAMBA = "METAFLOW_PATH_TO_MICROMAMBA"
"""Metaflow's own variable for the path of micromamba: set for a container, it says that the image has it."""

_REMEDIES: Mapping[str, str] = {
    "conda": "use an image that has micromamba, and say where: --job-variable "
    f"env.{_MICROMAMBA}=/usr/local/bin/micromamba; or take the packages from PyPI, with @pypi or a uv project",
    "pypi": f"install uv here (`pip install uv`), and leave {variables.PYPI_INSTALLER} out",
}


def _without_environment(
    flow: ir.Flow, options: DeployOptions, pool: WorkPool
) -> tuple[Finding, ...]:
    """Refuse an `--environment` that the containers of the work pool do not have."""
    environment = flow.backends.environment
    if pool.is_local or environment not in _NOT_IN_CONTAINERS or flow.backends.installer == "uv":
        return ()
    if _MICROMAMBA in _given_environment(options, pool):
        return ()
    return (
        Finding(
            where="flow",
            feature=f"--environment={environment} on a work pool of type {pool.type}",
            reason=_NOT_IN_CONTAINERS[environment],
            remedy=_REMEDIES[environment],
        ),
    )


def _exposed(options: DeployOptions) -> Iterator[Finding]:
    """Refuse the password of a package index in a job variable, which everyone can read who sees the deployment."""
    for name, value in options.job_variables.get("env", {}).items():
        # A block's value goes into a secret group when the run starts.
        is_reference = "{{" in str(value)
        if "INDEX" in name and PASSWORD_IN_ADDRESS.search(str(value)) and not is_reference:
            yield Finding(
                where=f"job variable env.{name}",
                feature="its value",
                reason="it has a password in its address, which would be in the deployment in plain text",
                remedy="put the variable into a secret group that the containers inherit, or the address into a Secret "
                f"block: --job-variable 'env.{name}={{{{ prefect.blocks.secret.NAME }}}}'",
            )


def _given_environment(options: DeployOptions, pool: WorkPool) -> Mapping[str, Any]:
    """Return the variables that the user gives to containers: in the pool's template, and for this deployment."""
    return {**(pool.defaults.get("env") or {}), **options.job_variables.get("env", {})}
