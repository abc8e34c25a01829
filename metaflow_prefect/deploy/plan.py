"""The deployment plan: everything `deploy` will create, as a value. Pure; `apply` carries it out."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.deploy.schema import parameter_schema
from metaflow_prefect.errors import DeploymentRefused, Finding, UnsupportedFlow
from metaflow_prefect.render import argument_names, entrypoint_name
from metaflow_prefect.version import VERSION

DEFAULT_NAME = "default"

_PAYLOAD_LIMIT = 1_000_000
"""Bytes of pull step that Prefect's events still carry (its limit is 1.5 MB, for the whole event)."""

_CHUNK = 100_000
"""A Linux process takes at most 128 KiB in one environment variable (MAX_ARG_STRLEN)."""

_LOCAL_POOL_TYPES = frozenset({"process"})

_FOR_METAFLOW: Mapping[str, Mapping[str, Any]] = {
    # A second container would execute the flow a second time while Prefect reschedules the first;
    # and an hour, the worker's documented default, is no limit that a flow has asked for.
    "northflank": {"settings_backoff_limit": 0, "settings_active_deadline_seconds": None},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployOptions:
    """What the person who deploys asked for. `job_variables` override whatever we would set."""

    work_pool: str
    name: str | None = None
    tags: tuple[str, ...] = ()
    is_paused: bool = False
    job_variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Facts of this machine that a deployment needs, gathered by the shell.

    `owner` is the person who deploys. `metaflow_environment` holds the `METAFLOW_*` variables by
    which a run finds the datastore and the metadata service; `requirements` is what a stock image
    must install first.
    """

    owner: str
    pool_type: str
    metaflow_environment: Mapping[str, str]
    requirements: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentPlan:
    """One deployment, complete."""

    flow_name: str
    name: str
    entrypoint: str
    description: str
    version: str
    tags: tuple[str, ...]
    parameters: Mapping[str, Any]
    parameter_schema: Mapping[str, Any]
    schedules: tuple[ir.Schedule, ...]
    is_paused: bool
    work_pool: str
    job_variables: Mapping[str, Any]
    pull_steps: tuple[Mapping[str, Any], ...]

    @property
    def full_name(self) -> str:
        """The deployment's name as Prefect's commands take it: `flow/deployment`."""
        return f"{self.flow_name}/{self.name}"


def plan(flow: ir.Flow, generated: str, options: DeployOptions, site: Site) -> DeploymentPlan:
    """Decide everything about the deployment of *flow*, whose standalone file is *generated*.

    Raises:
        UnsupportedFlow: what the flow needs cannot be had on the work pool.
        DeploymentRefused: the code is too large to travel in the deployment.
    """
    job_variables = _job_variables(flow, options, site)
    findings = _unreachable(flow, site, job_variables)
    if findings:
        raise UnsupportedFlow(flow.name, findings)
    file_name = f"{entrypoint_name(flow)}.py"
    arguments = argument_names(flow)
    return DeploymentPlan(
        flow_name=flow.name,
        name=deployment_name(flow.project, options.name),
        entrypoint=f"{file_name}:{entrypoint_name(flow)}",
        description=flow.doc,
        version=flow.source.sha256[:12],
        tags=_tags(flow, options),
        parameters={
            arguments[parameter.name]: parameter.default
            for parameter in flow.parameters
            if not parameter.required
        },
        parameter_schema=parameter_schema(flow.parameters, arguments),
        schedules=() if flow.schedule is None else (flow.schedule,),
        is_paused=options.is_paused,
        work_pool=options.work_pool,
        job_variables=job_variables,
        pull_steps=(_unpack(file_name, generated),),
    )


def deployment_name(project: ir.Project | None, name: str | None) -> str:
    """Return the name of a deployment: under @project `project.branch.Flow`, with *name* appended if given."""
    if project is None:
        return name or DEFAULT_NAME
    return f"{project.flow_name}.{name}" if name else project.flow_name


def _tags(flow: ir.Flow, options: DeployOptions) -> tuple[str, ...]:
    project = flow.project
    of_project = (
        () if project is None else (f"project:{project.name}", f"project_branch:{project.branch}")
    )
    return tuple(dict.fromkeys(("metaflow", *of_project, *flow.tags, *options.tags)))


def _job_variables(flow: ir.Flow, options: DeployOptions, site: Site) -> dict[str, Any]:
    environment = {
        # Metaflow refuses to run for a user it cannot name, which a container's root is.
        "METAFLOW_USER": "prefect",
        "METAFLOW_OWNER": site.owner,
        **site.metaflow_environment,
    }
    if not _is_local(site):
        # Installed by the stock image's entrypoint before it starts the flow run.
        environment["EXTRA_PIP_PACKAGES"] = " ".join(site.requirements)
        if flow.backends.datastore == "local":
            # A path of this machine means nothing there.
            environment.pop("METAFLOW_DATASTORE_SYSROOT_LOCAL", None)
    chosen = dict(options.job_variables)
    environment.update(chosen.pop("env", {}))
    return {**_FOR_METAFLOW.get(site.pool_type, {}), **chosen, "env": environment}


def _is_local(site: Site) -> bool:
    return site.pool_type in _LOCAL_POOL_TYPES


def _unreachable(
    flow: ir.Flow, site: Site, job_variables: Mapping[str, Any]
) -> tuple[Finding, ...]:
    """Return what a container of the work pool could not reach."""
    mounted = "METAFLOW_DATASTORE_SYSROOT_LOCAL" in job_variables["env"]
    if _is_local(site) or flow.backends.datastore != "local" or mounted:
        return ()
    return (
        Finding(
            where="flow",
            feature=f"--datastore=local on a work pool of type {site.pool_type}",
            reason="its containers don't see this machine's files, and would lose every artifact",
            remedy="deploy with --datastore=s3, azure or gs; or, where a shared volume is mounted in the "
            "containers, name it: --job-variable env.METAFLOW_DATASTORE_SYSROOT_LOCAL=/mount",
        ),
    )


def _unpack(file_name: str, generated: str) -> dict[str, Any]:
    """Return the pull step that writes the generated file; it needs only Prefect and a shell.

    The content is base64: Prefect expands `{{ … }}` in the arguments of steps.
    """
    packed = base64.b64encode(gzip.compress(generated.encode(), mtime=0)).decode()
    if len(packed) > _PAYLOAD_LIMIT:
        raise DeploymentRefused(
            f"The flow's code is {len(packed)} bytes when packed; a deployment carries at most {_PAYLOAD_LIMIT}.",
            fix="keep data files out of the flow's folder, or choose fewer files with --package-suffixes",
        )
    chunks = [packed[start : start + _CHUNK] for start in range(0, len(packed), _CHUNK)]
    variables = {f"METAFLOW_PREFECT_{number}": chunk for number, chunk in enumerate(chunks)}
    words = " ".join(f'"${name}"' for name in variables)
    return {
        "prefect.deployments.steps.run_shell_script": {
            "script": f"printf %s {words} | base64 -d | gzip -d > {file_name}",
            "shell": True,
            "env": variables,
        }
    }


def summary(planned: DeploymentPlan) -> dict[str, Any]:
    """Return the plan as JSON-able data, the code replaced by its size: for people and golden files."""
    size = sum(len(value) for value in _payload(planned).values())
    return {
        "made_by": f"metaflow-prefect-northflank {VERSION}",
        "deployment": planned.full_name,
        "entrypoint": planned.entrypoint,
        "description": planned.description,
        "version": planned.version,
        "tags": list(planned.tags),
        "parameters": dict(planned.parameters),
        "parameter_schema": dict(planned.parameter_schema),
        "schedules": [{"cron": item.cron, "timezone": item.timezone} for item in planned.schedules],
        "paused": planned.is_paused,
        "work_pool": planned.work_pool,
        "job_variables": dict(planned.job_variables),
        "payload_bytes": size,
    }


def _payload(planned: DeploymentPlan) -> Mapping[str, str]:
    (step,) = planned.pull_steps
    (arguments,) = step.values()
    variables: Mapping[str, str] = arguments["env"]
    return variables
