"""The job configuration of one flow run: its job variables, completed with what Prefect adds to every job."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import Flow, FlowRun, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.utilities import inject_client
from prefect.exceptions import ObjectNotFound
from prefect.workers.base import BaseJobConfiguration
from pydantic import PrivateAttr, ValidationError
from typing_extensions import Self

from prefect_northflank.api.access import Access
from prefect_northflank.api.responses import Project
from prefect_northflank.errors import (
    ConfigurationError,
    MissingProject,
    Refusals,
)
from prefect_northflank.job import claim_gate, environment
from prefect_northflank.job.block_references import BlockReference, origins
from prefect_northflank.job.credentials import Northflank
from prefect_northflank.job.definition import Subject, refuse_contradictions
from prefect_northflank.job.environment import SIGTERM_BEHAVIOR, JobEnvironment
from prefect_northflank.job.settings import DockerConfigType
from prefect_northflank.job.variables import NorthflankVariables
from prefect_northflank.records.claims import Claim
from prefect_northflank.records.prefect_retry import is_transient, retry_prefect
from prefect_northflank.records.repeated_problems import one_line

_ASKED_FOR = {
    "deployments": "its deployment",
    "block_documents": "a block that its job variables name",
    "block_types": "a block that its job variables name",
    "variables": "a variable that its job variables name",
    "flows": "its flow",
}
"""Parts of the paths of Prefect's API, and what the worker reads there."""

_log = logging.getLogger(__name__)


class NorthflankJobConfiguration(NorthflankVariables, BaseJobConfiguration):
    """The job configuration of one flow run; complete after `prepare_for_flow_run`."""

    _flow_run: FlowRun | None = PrivateAttr(default=None)
    _lasting_name: str = PrivateAttr(default="")
    _lasting_served: str = PrivateAttr(default="")
    _lasting_pool: str = PrivateAttr(default="")
    _pool: str = PrivateAttr(default="")
    _reread_token: Callable[[], Awaitable[str | None]] | None = PrivateAttr(default=None)
    _secret_origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def _base_environment(cls) -> dict[str, str]:
        return environment.shippable(super()._base_environment())

    @classmethod
    @inject_client
    async def from_template_and_values(
        cls,
        base_job_template: dict[str, Any],
        values: dict[str, Any],
        client: PrefectClient | None = None,
    ) -> Self:
        """Build the configuration, and remember which environment variables come from blocks with secrets."""
        if client is None:
            message = "inject_client gives one"
            raise RuntimeError(message)
        # First, because Prefect removes the defaults of `env` from the template.
        written = origins(base_job_template, values)
        made: Self = await super().from_template_and_values(
            base_job_template, values, client=client
        )
        secret = {it: await _is_secret(it, client) for it in written.blocks}
        keys = {*made.env, *(made.runtime_environment or {})}
        made._secret_origins = {
            key: origin.text
            for key in keys
            if (origin := written.of(key)) and any(secret[it] for it in origin.blocks)
        }
        return made

    @classmethod
    async def resolve_for_flow_run(
        cls,
        flow_run: FlowRun,
        **context: Any,  # noqa: ANN401  Prefect's signature, handed on
    ) -> Self:
        """Build the configuration of *flow_run*, with retries: Prefect's base worker takes a failure for a crash.

        Raises:
            ObjectNotFound: the deployment, the flow or a block was deleted.
            ConfigurationError: job variables have invalid values.
        """
        base = super().resolve_for_flow_run

        async def once() -> Self:
            # Prefect removes `env` from the flow run's job variables, where a second attempt would miss it.
            return await base(flow_run.model_copy(deep=True), **context)

        try:
            made = await retry_prefect(lambda: cls._explaining_invalid_values(once))
        except (ObjectNotFound, httpx.HTTPStatusError) as error:
            # Prefect's client translates some 404s to ObjectNotFound, but not all.
            refused = error.http_exc if isinstance(error, ObjectNotFound) else error
            if not isinstance(refused, httpx.HTTPStatusError) or not _is_gone(refused):
                raise
            raise ObjectNotFound(refused, _deleted_object(refused.request.url.path)) from error

        async def reread_token() -> str | None:
            try:
                return (await cls.resolve_for_flow_run(flow_run, **context)).access().token
            # The worker keeps using the old token; the next refusal reads it again.
            except Exception as error:  # noqa: BLE001  as above
                _log.warning("Could not read the Northflank token again: %s", one_line(error))
                return None

        made._reread_token = reread_token  # noqa: SLF001  of the same class
        return made

    @classmethod
    async def _explaining_invalid_values(cls, resolve: Callable[[], Awaitable[Self]]) -> Self:
        """Raise a configuration error for invalid job variables; a malformed response of Prefect keeps its own error."""
        try:
            return await resolve()
        except ValidationError as error:
            if error.title != cls.__name__:
                raise
            wrong = [
                f"{'.'.join(map(str, it['loc']))}: {it['msg']}"
                for it in error.errors(include_input=False, include_url=False)
            ]
            raise ConfigurationError(
                what="job variables",
                why="; ".join(wrong),
                remedy="correct them in the deployment, the flow run or the work pool",
            ) from None

    def prepare_for_flow_run(
        self,
        flow_run: FlowRun,
        deployment: DeploymentResponse | None = None,
        flow: Flow | None = None,
        work_pool: WorkPool | None = None,
        worker_name: str | None = None,
        worker_id: UUID | None = None,
    ) -> None:
        """Complete environment, labels, command and name; the user's values override Prefect's."""
        self.env = {**self.env, **(self.runtime_environment or {})}
        if self.prefect_api_url:
            self.env.setdefault("PREFECT_API_URL", self.prefect_api_url)
        # An evicted run goes back to its work pool instead of staying RUNNING with nothing behind it.
        self.env.setdefault(SIGTERM_BEHAVIOR, "reschedule")
        self.command = self.command or self.deployment_docker_custom_command
        # A name that contains the flow run cannot be that of a job for all flow runs.
        named = bool(self.name) and "ctx.flow_run" not in (self.name or "")
        super().prepare_for_flow_run(flow_run, deployment, flow, work_pool, worker_name, worker_id)
        self._flow_run = flow_run
        self._pool = work_pool.name if work_pool else ""
        parts = [part for part in (flow and flow.name, deployment and deployment.name) if part]
        self._lasting_name = str(self.name) if named else "-".join(parts)
        self._lasting_served = str(flow_run.deployment_id or flow_run.flow_id)
        self._lasting_pool = str(work_pool.id if work_pool else "")

    @property
    def pool(self) -> str:
        """Name of the work pool."""
        return self._pool

    def check(self) -> None:
        """Check everything that can be checked before the first call to Northflank.

        Raises:
            ConfigurationError: some of it cannot work; one error names all of it.
        """
        refusals = Refusals()
        with refusals.gathering():
            if not self.project_id:
                raise MissingProject
        with refusals.gathering():
            self.environment(self.access())
        with refusals.gathering():
            refuse_contradictions(self)
        refusals.raise_all()

    def project(self, access: Access) -> Project:
        """Return the project in which jobs are created.

        Raises:
            MissingProject: `project_id` is not set.
        """
        if not self.project_id:
            raise MissingProject
        return Project(id=self.project_id, team=access.team)

    def access(self) -> Access:
        """Return how to call Northflank, from the block or else from the worker's environment.

        Raises:
            MissingToken: neither has a token.
        """
        access = (self.credentials or Northflank()).access()
        return replace(access, reread_token=self._reread_token)

    def environment(self, access: Access) -> JobEnvironment:
        """Return the job's plain and secret environment.

        Raises:
            ConfigurationError: it cannot work on *access*'s Northflank.
        """
        given = {key: value for key, value in self.env.items() if value is not None}
        return environment.job_environment(
            given,
            base_url=access.base_url,
            expand_templates=self.expand_templates,
            secret=self._secret_origins,
        )

    @property
    def gated(self) -> bool:
        """Whether the container checks its claim before it executes the flow run.

        It cannot if the command is not Prefect's own, and must not if Northflank itself is told to retry the run.
        """
        settings = self.job_body.get("settings")
        retried_by_northflank = bool(isinstance(settings, Mapping) and settings.get("backoffLimit"))
        return (
            self.guarded_start
            and self.command in (None, self._base_flow_run_command())
            and self.deployment_docker_config_type is DockerConfigType.CUSTOM_COMMAND
            and not self.deployment_docker_custom_entrypoint
            and not retried_by_northflank
        )

    def secret_identity(self, secret: Mapping[str, str]) -> str:
        """Return what tells this secret group apart from others of the pool: the Prefect server, and the user's own values.

        A new value of a worker's setting, or of a block, replaces the old one in the same group.
        """
        server = self.env.get("PREFECT_API_URL") or ""
        own = self._base_environment()
        given = {key: it for key, it in secret.items() if key not in self._secret_origins}
        of_blocks = {key: it for key, it in self._secret_origins.items() if key in secret}
        if all(own.get(key) == value for key, value in given.items()):
            return f"{server} {sorted(of_blocks.items())}" if of_blocks else server
        return f"{server} {sorted((given | of_blocks).items())}"

    def subject(
        self, *, submission_id: str, env: Mapping[str, str], tags: Sequence[str], claim: Claim
    ) -> Subject:
        """Return the subject of the job that is started under *claim*."""
        flow_run = self._flow_run
        if flow_run is None:
            message = "prepare_for_flow_run comes first"
            raise RuntimeError(message)
        gated = claim.gated and self.gated
        return Subject(
            flow_run_id=flow_run.id,
            name=self.name or flow_run.name,
            command=claim_gate.COMMAND if gated else self.command or self._base_flow_run_command(),
            env={**env, **claim_gate.environment_of(claim)} if gated else env,
            labels=self.labels,
            submission_id=submission_id,
            lasting_name=self._lasting_name,
            lasting_served=self._lasting_served,
            lasting_pool=self._lasting_pool,
            tags=tags,
        )


def _is_gone(refused: httpx.HTTPStatusError) -> bool:
    return refused.response.status_code == httpx.codes.NOT_FOUND and not is_transient(refused)


def _deleted_object(path: str) -> str:
    """Return a message about the object at *path* that Prefect no longer has; Prefect's own error says "None"."""
    gone = next((words for part, words in _ASKED_FOR.items() if f"/{part}/" in path), "part of it")
    return (
        f"the flow run cannot be started: {gone} no longer exists in Prefect. "
        "Fix: deploy the flow (or save the block or variable) again, then start a new run."
    )


async def _is_secret(block: BlockReference, client: PrefectClient) -> bool:
    """Return whether a block has secret fields, according to its type."""
    document = (
        await client.read_block_document(UUID(block.id))
        if block.id
        else await client.read_block_document_by_name(block.name, block.slug)
    )
    schema = document.block_schema
    return schema is None or bool(schema.fields.get("secret_fields"))
