"""The settings of a job under the names that users write: all job variables except those that are Prefect's."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from prefect_northflank.api.plans import DEFAULT_PLAN, Needs, Plan, cheapest
from prefect_northflank.job import variable_rules

DEFAULT_IMAGE = "prefecthq/prefect:3-python3.12"
SECONDS_OF_DEFAULT_DEADLINE = 3600

LEAST_DISK = 1024
"""MB of ephemeral storage that Northflank gives at least."""

LEAST_SHARED_MEMORY = 64
"""MB of shared memory that Northflank gives at least."""


SHORT_NAMES = {
    "deployment_plan": "billing_deployment_plan",
    "gpu_enabled": "billing_gpu_enabled",
    "image": "deployment_external_image_path",
    "backoff_limit": "settings_backoff_limit",
    "active_deadline_seconds": "settings_active_deadline_seconds",
}
"""Other names under which the vendor's documentation lists job variables."""


class Architecture(str, Enum):
    """CPU architecture (API field `infrastructure.architecture`)."""

    X86 = "x86"
    ARM = "arm"


class DockerConfigType(str, Enum):
    """Which of the image's entrypoint and command are replaced (API field `deployment.docker.configType`)."""

    DEFAULT = "default"
    CUSTOM_ENTRYPOINT = "customEntrypoint"
    CUSTOM_COMMAND = "customCommand"
    CUSTOM_ENTRYPOINT_CUSTOM_COMMAND = "customEntrypointCustomCommand"


class VcsType(str, Enum):
    """Kind of Git host (API field `deployment.vcs.projectType`)."""

    BITBUCKET = "bitbucket"
    GITLAB = "gitlab"
    GITHUB = "github"
    SELF_HOSTED = "self-hosted"
    AZURE = "azure"


class RunOnSourceChange(str, Enum):
    """When Northflank starts the job by itself (API field `settings.runOnSourceChange`)."""

    NEVER = "never"
    CD_PROMOTE = "cd-promote"
    ALWAYS = "always"


class JobSettings(BaseModel):
    """Job variables beyond Prefect's own `name`, `env`, `labels`, `command`."""

    model_config = ConfigDict(use_enum_values=False)

    # Short names of the vendor's documentation; they win if both are set
    deployment_plan: str | None = Field(
        default=None,
        description="Short for billing_deployment_plan.",
        json_schema_extra=variable_rules.PLAN,
    )
    gpu_enabled: bool | None = Field(default=None, description="Short for billing_gpu_enabled.")
    image: str | None = Field(
        default=None,
        description="Short for deployment_external_image_path.",
        json_schema_extra=variable_rules.IMAGE,
    )
    backoff_limit: int | None = Field(
        default=None, ge=0, description="Short for settings_backoff_limit."
    )
    active_deadline_seconds: int | None = Field(
        default=None, ge=1, description="Short for settings_active_deadline_seconds."
    )

    # Core
    credentials: object | None = (
        None  # `NorthflankVariables` narrows it to the block; declared here for its place in the form
    )
    project_id: str | None = Field(
        default=None,
        title="Project ID",
        description="Northflank project. Required.",
        json_schema_extra=variable_rules.SLUG,
    )
    cleanup_job: bool = Field(
        default=True,
        description="True: one job per flow run, deleted after completion. "
        "False: one lasting job per deployment and settings, one job run per flow run; "
        "deleted when another one has replaced it.",
    )
    description: str | None = Field(
        default=None, description="Job description. Empty: made from the flow run."
    )
    tags: list[str] | None = Field(
        default=None, description="Tags of the job; they must exist in the account."
    )
    prefect_api_url: str | None = Field(
        default=None,
        title="Prefect API URL",
        description="Address of the Prefect API as containers reach it. Empty: the worker's PREFECT_API_URL.",
    )

    # Infrastructure and billing
    infrastructure_architecture: Architecture | None = Field(
        default=None, description="CPU architecture."
    )
    cpu: float | None = Field(
        default=None, ge=0, description="vCPUs that the container must have at least."
    )
    memory: int | None = Field(
        default=None, ge=0, description="Memory in MB that the container must have at least."
    )
    gpu: int | None = Field(
        default=None,
        ge=0,
        description="GPUs that the container must have at least; see gpu_type. "
        "Where no plan has this number, it gets the next larger one.",
    )
    gpu_type: str | None = Field(
        default=None, description="Type of the GPUs, such as h100-80. Empty: billing_gpu_type."
    )
    disk: int | None = Field(
        default=None,
        ge=0,
        description="Ephemeral storage in MB that the container must have at least.",
    )
    shared_memory: int | None = Field(
        default=None, ge=0, description="Shared memory in MB that the container must have at least."
    )
    billing_deployment_plan: str = Field(
        default=DEFAULT_PLAN,
        description="Plan: CPU and memory of the container. The default gives way to the cheapest plan that has cpu, "
        "memory and gpu, where they are set; any other plan wins over them.",
        json_schema_extra=variable_rules.PLAN,
    )
    billing_build_plan: str | None = Field(
        default=None,
        description="Plan of builds (VCS deployments).",
        json_schema_extra=variable_rules.PLAN,
    )
    billing_gpu_enabled: bool = Field(default=False, description="Give the container GPUs.")
    billing_gpu_type: str | None = Field(default=None, description="GPU type, such as h100-80.")
    billing_gpu_count: int = Field(default=1, ge=1, description="Number of GPUs.")
    billing_gpu_timesliced: bool | None = Field(
        default=None, description="Share the GPU by time slices."
    )

    # Deployment: one of external, internal, VCS
    deployment_external_image_path: str | None = Field(
        default=None,
        description=f"Image with tag or digest. Default: {DEFAULT_IMAGE}.",
        json_schema_extra=variable_rules.IMAGE,
    )
    deployment_external_credentials: str | None = Field(
        default=None, description="ID of registry credentials."
    )
    deployment_internal_id: str | None = Field(
        default=None, description="Build service whose image is used."
    )
    deployment_internal_branch: str | None = Field(
        default=None, description="Branch of the build service."
    )
    deployment_internal_build_sha: str | None = Field(
        default=None, description='Commit to deploy, or "latest".'
    )
    deployment_internal_build_id: str | None = Field(default=None, description="Build to deploy.")
    deployment_vcs_project_url: str | None = Field(
        default=None, description="Git repository to build from."
    )
    deployment_vcs_project_type: VcsType | None = Field(
        default=None, description="Kind of Git host."
    )
    deployment_vcs_project_branch: str | None = Field(default=None, description="Branch to build.")
    deployment_vcs_self_hosted_vcs_id: str | None = Field(
        default=None, description="ID of a self-hosted VCS."
    )
    deployment_vcs_account_login: str | None = Field(
        default=None, description="VCS account to use."
    )
    deployment_vcs_vcs_link_id: str | None = Field(
        default=None, description="ID of a linked VCS account."
    )
    build_settings: dict[str, Any] | None = Field(
        default=None,
        description="API object buildSettings (VCS). Default: the Dockerfile in the repository's root.",
    )
    build_configuration: dict[str, Any] | None = Field(
        default=None, description="API object buildConfiguration."
    )
    build_configuration_docker_credentials: list[str] | None = Field(
        default=None, description="Registry credentials for base images of a build."
    )
    build_arguments: dict[str, str] | None = Field(
        default=None, description="Build arguments (VCS)."
    )

    # Container
    deployment_docker_config_type: DockerConfigType = Field(
        default=DockerConfigType.CUSTOM_COMMAND,
        description="Which of the image's entrypoint and command are replaced. `default` runs the image's own command.",
    )
    deployment_docker_custom_command: str | None = Field(
        default=None,
        description="Command to run. Default: `prefect flow-run execute`.",
        json_schema_extra=variable_rules.COMMAND,
    )
    deployment_docker_custom_entrypoint: str | None = Field(
        default=None, description="Entrypoint to run.", json_schema_extra=variable_rules.COMMAND
    )
    deployment_storage_ephemeral_storage_size: int | None = Field(
        default=None, ge=LEAST_DISK, description="Ephemeral storage in MB."
    )
    deployment_storage_shm_size: int | None = Field(
        default=None, ge=LEAST_SHARED_MEMORY, description="Shared memory in MB."
    )
    deployment_grace_period_seconds: int = Field(
        default=60,
        ge=15,
        le=600,
        description="Seconds between SIGTERM and SIGKILL, in which the flow hands itself back.",
    )
    health_checks: list[dict[str, Any]] | None = Field(
        default=None, description="API list healthChecks."
    )
    runtime_environment: dict[str, str | None] | None = Field(
        default=None,
        description="Environment variables of the container; they override all others.",
    )
    runtime_files: dict[str, str] | None = Field(
        default=None,
        description="Files to mount: absolute path to text. Encrypted at rest by Northflank.",
        json_schema_extra=variable_rules.FILES,
    )
    secret_groups: list[str] | None = Field(
        default=None,
        description="IDs of your own secret groups to inherit; unrestricted, or restricted to tags (the job gets them).",
    )
    expand_templates: bool = Field(
        default=False,
        description="Let Northflank expand ${...} in environment values. Off: such values are rejected.",
    )

    # Settings
    settings_backoff_limit: int = Field(
        default=3,
        ge=0,
        description="How often a container that died before the flow began is started again. "
        "A flow that began is never executed again by this.",
    )
    settings_active_deadline_seconds: int | None = Field(
        default=SECONDS_OF_DEFAULT_DEADLINE, ge=1, description="Job timeout in seconds. null: none."
    )
    settings_run_on_source_change: RunOnSourceChange = Field(
        default=RunOnSourceChange.NEVER, description="When Northflank starts the job by itself."
    )
    pending_timeout_seconds: int | None = Field(
        default=1800,
        ge=1,
        description="How many seconds the flow may take to begin before the run is given up. null: no limit.",
    )
    guarded_start: bool = Field(
        default=True,
        description="Before it executes Prefect's own command, let the container check that no other start of its "
        "flow run has come in between (needs `python3` in the image). Your own command is never guarded.",
    )
    stream_output: bool = Field(
        default=True,
        description="Copy container output that the flow did not log itself to the flow run's log: "
        "1,000 lines at once, then five a second; the log says what is left out.",
    )
    job_body: dict[str, Any] = Field(
        default_factory=dict,
        description="Merged into the job that the worker creates (API body of `PUT /jobs`), for fields without a variable.",
    )

    @model_validator(mode="after")
    def _spell_out(self) -> Self:
        """Copy the value of a short name to its long one, which has a default and cannot tell whether it was set."""
        for short, long in SHORT_NAMES.items():
            if getattr(self, short) is not None:
                setattr(self, long, getattr(self, short))
        self._size_storage()
        return self

    def _size_storage(self) -> None:
        if self.disk and self.deployment_storage_ephemeral_storage_size is None:
            self.deployment_storage_ephemeral_storage_size = max(self.disk, LEAST_DISK)
        if self.shared_memory and self.deployment_storage_shm_size is None:
            self.deployment_storage_shm_size = max(self.shared_memory, LEAST_SHARED_MEMORY)

    @property
    def needs(self) -> Needs:
        """What the container must have at least; nothing where a plan is named, which is then taken as it is.

        Nor where only billing_gpu_* are set: they go to Northflank as they are, with types of GPU that no plan
        is named for (a cluster of one's own) and numbers that no plan has.
        """
        if self.billing_deployment_plan != DEFAULT_PLAN or not (
            self.cpu or self.memory or self.gpu
        ):
            return Needs()
        gpus = self.gpu or (self.billing_gpu_count if self.billing_gpu_enabled else 0)
        return Needs(
            cpu=self.cpu or 0,
            memory=self.memory or 0,
            gpus=gpus,
            gpu_type=(self.gpu_type or self.billing_gpu_type) if gpus else None,
        )

    def plan_by(self, plans: Sequence[Plan]) -> str:
        """Return the plan that is named, else the cheapest of *plans* that has what is needed.

        Raises:
            ConfigurationError: none has.
        """
        needs = self.needs
        return self.billing_deployment_plan if needs == Needs() else cheapest(needs, plans).id

    def take_plan(self, plans: Sequence[Plan]) -> None:
        """Name the plan, with the GPUs that come with it; what was asked for is then part of it.

        Raises:
            ConfigurationError: no plan has what is needed.
        """
        plan = Plan(id=self.plan_by(plans))
        self.billing_deployment_plan = plan.id
        if plan.gpus:
            self.billing_gpu_enabled = True
            self.billing_gpu_type, self.billing_gpu_count = plan.gpu_type, plan.gpus
