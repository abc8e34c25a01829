"""What a deployment tells the containers of its runs: job variables; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.deploy.plan import job_schema
from metaflow_prefect.deploy.plan.captured_environment import Taken
from metaflow_prefect.deploy.plan.options import DeployOptions
from metaflow_prefect.errors import DeploymentRefused, Finding, UnsupportedFlow
from metaflow_prefect.runtime import variables

LOCAL_POOL_TYPES = frozenset({"process"})
"""Work pools whose runs see the files of the machine that deploys."""

_IMAGE_VARIABLES: Mapping[str, str] = {"northflank": "deployment_external_image_path"}
"""What a type of work pool calls the image of its jobs, where that is not `image` as in Prefect's own types."""

_FOR_METAFLOW: Mapping[str, Mapping[str, Any]] = {
    # A second container would execute the flow a second time while Prefect reschedules the first;
    # and an hour, the worker's documented default, is no limit that a flow has asked for.
    "northflank": {"settings_backoff_limit": 0, "settings_active_deadline_seconds": None},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Facts of this machine and of the server that a deployment needs, gathered by the shell.

    `owner` is the person who deploys, `token` the production token. `metaflow_environment` holds the
    `METAFLOW_*` variables by which a run finds the datastore and the metadata service;
    `requirements` is what a stock image must install first. `python` is this machine's interpreter.
    `taken` are the values of @environment
    that come from this machine's environment. `pool_template` is the pool's base job template.
    """

    owner: str
    token: str | None
    pool: str
    pool_type: str
    metaflow_environment: Mapping[str, str]
    requirements: tuple[str, ...]
    python: str = "python"
    taken: Taken = field(default_factory=Taken)
    pool_template: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """Whether runs share this machine's files and Python: a process pool, as its workers do."""
        return self.pool_type in LOCAL_POOL_TYPES


def job_variables(
    flow: ir.Flow, full_name: str, options: DeployOptions, site: Site
) -> dict[str, Any]:
    """Return what the work pool's template is filled with.

    Raises:
        UnsupportedFlow: a container of the pool could not reach the flow's data.
        DeploymentRefused: the pool has no images to choose, or its schema refuses a variable.
    """
    chosen = dict(options.job_variables)
    bad_variables = job_schema.findings(_named(options, site), site.pool_template)
    environment = {**_environment(flow, full_name, options, site), **chosen.pop("env", {})}
    if options.image is not None:
        if site.is_local:
            raise DeploymentRefused(
                f"--image {options.image}: work pool {site.pool} ({site.pool_type}) runs processes, not images; nothing was created.",
                fix="leave --image out, or deploy to a pool of containers",
            )
        chosen.setdefault(_image_variable(site), options.image)
    findings = (*_unreachable(flow, site, environment), *_without_environment(flow, site))
    if findings:
        raise UnsupportedFlow(flow.name, (*findings, *bad_variables))
    if bad_variables:
        listed = "\n".join(map(str, bad_variables))
        raise DeploymentRefused(
            f"Work pool {site.pool} ({site.pool_type}) can't take these job variables; nothing was created.\n{listed}",
            fix=f"correct --job-variable and --image; `prefect work-pool inspect {site.pool}` shows what the pool takes",
        )
    return {**_FOR_METAFLOW.get(site.pool_type, {}), **chosen, "env": environment}


def _named(options: DeployOptions, site: Site) -> Mapping[str, Any]:
    """Return the job variables that somebody has asked for, by their names in the pool."""
    if options.image is None:
        return options.job_variables
    return {_image_variable(site): options.image, **options.job_variables}


def _image_variable(site: Site) -> str:
    return _IMAGE_VARIABLES.get(site.pool_type, "image")


def _environment(
    flow: ir.Flow, full_name: str, options: DeployOptions, site: Site
) -> dict[str, str]:
    environment = {
        # Metaflow refuses to run for a user it cannot name, which a container's root is.
        "METAFLOW_USER": "prefect",
        "METAFLOW_OWNER": site.owner,
        variables.DEPLOYMENT: full_name,
        **site.metaflow_environment,
    }
    namespace = options.namespace
    if site.token is not None:
        environment["METAFLOW_PRODUCTION_TOKEN"] = site.token
        namespace = namespace or f"production:{site.token}"
    if namespace is not None:
        environment[variables.NAMESPACE] = namespace
    if not site.is_local:
        environment.update(_service_inside(site.metaflow_environment))
        # Installed by the stock image's entrypoint before it starts the flow run.
        environment["EXTRA_PIP_PACKAGES"] = " ".join(site.requirements)
        if flow.backends.datastore == "local":
            # A path of this machine means nothing there.
            environment.pop("METAFLOW_DATASTORE_SYSROOT_LOCAL", None)
    return environment


def _service_inside(metaflow: Mapping[str, str]) -> dict[str, str]:
    """Return the address of the metadata service for containers: Metaflow's other orchestrators set it for their tasks."""
    outside, inside = (
        metaflow.get(name) for name in ("METAFLOW_SERVICE_URL", "METAFLOW_SERVICE_INTERNAL_URL")
    )
    if inside is None or inside == outside:
        return {}
    outer = {} if outside is None else {variables.SERVICE_URL: outside}
    return {"METAFLOW_SERVICE_URL": inside, **outer}


def _unreachable(flow: ir.Flow, site: Site, environment: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return what a container of the work pool could not reach."""
    mounted = "METAFLOW_DATASTORE_SYSROOT_LOCAL" in environment
    if site.is_local or flow.backends.datastore != "local" or mounted:
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


_NOT_IN_CONTAINERS: Mapping[str, str] = {
    "uv": "its containers have no uv project, and nobody calls uv there",
    "conda": "its containers have neither micromamba nor the packages that it would install",
    "pypi": "its containers have neither micromamba nor the packages that it would install",
}
"""Why Metaflow's `--environment` cannot be kept on a pool of containers."""


def _without_environment(flow: ir.Flow, site: Site) -> tuple[Finding, ...]:
    """Refuse an `--environment` that the containers of the work pool do not have."""
    environment = flow.backends.environment
    if site.is_local or environment not in _NOT_IN_CONTAINERS:
        return ()
    return (
        Finding(
            where="flow",
            feature=f"--environment={environment} on a work pool of type {site.pool_type}",
            reason=_NOT_IN_CONTAINERS[environment],
            remedy="deploy without --environment; install its packages in the image, or name them in "
            "EXTRA_PIP_PACKAGES",
        ),
    )
