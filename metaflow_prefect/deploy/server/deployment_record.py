"""A deployment as the server has it, in the terms of Metaflow's users.

Everything comes from what the deployment's runs need anyway: the owner, the token and the metadata service
are in the jobs' environment, the project is among the tags, the parameters are in their schema. So a deployment that
`prefect deploy` makes from a `prefect.yaml` reads the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metaflow_prefect.deploy.plan.parameter_schema import Argument, arguments
from metaflow_prefect.deploy.plan.plan import DEFAULT_NAME
from metaflow_prefect.deploy.plan.schedules import in_words
from metaflow_prefect.deploy.server.pages import all_pages
from metaflow_prefect.deploy.server.production_tokens import Holder
from metaflow_prefect.errors import DeploymentRefused
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.local.typed_command import typed
from metaflow_prefect.runtime.progress.cost import Rate

TAG = "metaflow"
"""The tag of every deployment of a Metaflow flow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSchedule:
    """One schedule of a deployment, in words; it may be paused while others are active."""

    id: str
    text: str
    is_active: bool

    def __str__(self) -> str:
        return self.text if self.is_active else f"{self.text}; paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRecord:
    """One deployment on the server. `metadata` is Metaflow's name of the metadata provider, if known.

    `metadata_kind`, `datastore` and `datastore_root` are those of its runs. `defaults` holds the keys of
    the parameters that have a value where a run is given none. `rate` is what its containers cost, if known,
    `asked` what the flow's steps ask for with @resources. `has_step_containers`: some steps have @northflank.
    """

    id: str
    flow_name: str
    name: str
    owner: str
    token: str | None
    metadata: str | None
    metadata_kind: str | None
    datastore: str | None
    datastore_root: str | None
    project: str | None
    branch: str | None
    work_pool: str | None
    is_paused: bool
    schedules: tuple[RecordedSchedule, ...]
    arguments: tuple[Argument, ...]
    defaults: frozenset[str] = frozenset()
    rate: Rate | None = None
    has_step_containers: bool = False
    asked: str = ""

    @property
    def full_name(self) -> str:
        """The name that identifies it everywhere: `flow/deployment`."""
        return f"{self.flow_name}/{self.name}"

    @property
    def holder(self) -> Holder:
        """Who may change it."""
        return Holder(owner=self.owner, token=self.token)

    @property
    def name_option(self) -> tuple[str, ...]:
        """The option that names it in a command on the flow's file."""
        return name_option(self.full_name)

    def summary(self) -> dict[str, Any]:
        """Return what a list shows, as JSON-able data; no token."""
        return {
            "deployment": self.full_name,
            "id": self.id,
            "owner": self.owner,
            "project": self.project,
            "branch": self.branch,
            "work_pool": self.work_pool,
            "schedules": [str(schedule) for schedule in self.schedules],
            "paused": self.is_paused,
        }


def name_option(full_name: str) -> tuple[str, ...]:
    """Return the option that names the deployment *full_name* in a command on the flow's file.

    >>> name_option("Flow/default"), name_option("Flow/nightly"), name_option("Flow/shop.prod.Flow.nightly")
    ((), ('--name', 'nightly'), ('--name', 'nightly'))
    """
    flow_name, _, name = full_name.partition("/")
    if name == DEFAULT_NAME:
        return ()
    # Under @project it follows `project.branch.Flow`; the branch is one of Metaflow's top-level options.
    _, of_project, given = f"{name}.".partition(f".{flow_name}.")
    chosen = given.removesuffix(".") if of_project else name
    return ("--name", chosen) if chosen else ()


def parse(deployment: Any, flow_name: str) -> DeploymentRecord:
    """Read Prefect's answer about one deployment."""
    environment = deployment.job_variables.get("env") or {}
    datastore = environment.get("METAFLOW_DEFAULT_DATASTORE")
    tags = dict(tag.split(":", 1) for tag in deployment.tags if ":" in tag)
    return DeploymentRecord(
        id=str(deployment.id),
        flow_name=flow_name,
        name=deployment.name,
        owner=environment.get("METAFLOW_OWNER", "unknown"),
        token=environment.get("METAFLOW_PRODUCTION_TOKEN"),
        metadata=_metadata(environment),
        metadata_kind=environment.get("METAFLOW_DEFAULT_METADATA"),
        datastore=datastore,
        datastore_root=environment.get(f"METAFLOW_DATASTORE_SYSROOT_{(datastore or '').upper()}"),
        project=tags.get("project"),
        branch=tags.get("project_branch"),
        work_pool=deployment.work_pool_name,
        is_paused=deployment.paused,
        schedules=tuple(map(_schedule, deployment.schedules)),
        arguments=arguments(deployment.parameter_openapi_schema or {}),
        defaults=frozenset(deployment.parameters or ()),
        rate=Rate.of(environment),
        has_step_containers=variables.STEP_CONTAINERS in environment,
        asked=environment.get(variables.CONTAINER_REQUEST, ""),
    )


def find(client: Any, full_name: str) -> DeploymentRecord | None:
    """Return the deployment *full_name* (`flow/deployment`), or None."""
    from prefect.exceptions import ObjectNotFound

    try:
        return parse(client.read_deployment_by_name(full_name), full_name.partition("/")[0])
    except ObjectNotFound:
        return None


def of_run(client: Any, flow_name: str, deployment_id: str | None) -> DeploymentRecord | None:
    """Return the deployment of a run; None if it has none, or its deployment was deleted."""
    from prefect.exceptions import ObjectNotFound

    if deployment_id is not None:
        with contextlib.suppress(ObjectNotFound):
            return parse(client.read_deployment(deployment_id), flow_name)
    return None


def read(client: Any, full_name: str) -> DeploymentRecord:
    """Return the deployment *full_name*.

    Raises:
        DeploymentRefused: there is none; the message names those that the flow has.
    """
    flow_name, slash, _ = full_name.partition("/")
    record = find(client, full_name) if slash else None
    if record is not None:
        return record
    known = ", ".join(item.full_name for item in listed(client, flow_name)) or "none"
    deploy = typed("deploy", "--work-pool", "POOL", *name_option(full_name))
    raise DeploymentRefused(
        f"There is no deployment {full_name!r} on this server; nothing was done (of this flow: {known}).",
        fix=f"deploy the flow first (`{deploy}`), or repeat the --name and --branch with which it was deployed",
    )


def listed(client: Any, flow_name: str | None = None) -> tuple[DeploymentRecord, ...]:
    """Return the deployments of one flow, or of all Metaflow flows, sorted by name."""
    from prefect.client.schemas import filters

    flow_filter = (
        None
        if flow_name is None
        else filters.FlowFilter(name=filters.FlowFilterName(any_=[flow_name]))
    )
    ours = filters.DeploymentFilter(tags=filters.DeploymentFilterTags(all_=[TAG]))
    pages = all_pages(client.read_deployments, flow_filter=flow_filter, deployment_filter=ours)
    found = [deployment for page in pages for deployment in page]
    names = {flow_id: client.read_flow(flow_id).name for flow_id in {d.flow_id for d in found}}
    records = (parse(deployment, names[deployment.flow_id]) for deployment in found)
    return tuple(sorted(records, key=lambda record: record.full_name))


def _metadata(environment: Mapping[str, str]) -> str | None:
    """Return `provider@address` as Metaflow's `metadata_str` writes it."""
    kind = environment.get("METAFLOW_DEFAULT_METADATA")
    names = (
        (variables.SERVICE_URL, "METAFLOW_SERVICE_URL")
        if kind == "service"
        else ("METAFLOW_DATASTORE_SYSROOT_LOCAL",)
    )
    where = next((environment[name] for name in names if environment.get(name)), None)
    return f"{kind}@{where}" if kind and where else None


def _schedule(item: Any) -> RecordedSchedule:
    schedule = item.schedule
    # A user may have added one of another kind in Prefect.
    cron = getattr(schedule, "cron", None)
    text = str(schedule) if cron is None else in_words(cron, schedule.timezone)
    return RecordedSchedule(id=str(item.id), text=text, is_active=item.active)
