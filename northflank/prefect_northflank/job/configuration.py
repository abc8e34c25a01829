"""The job variables of one flow run, completed with what Prefect adds to every job."""

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
"""Parts of addresses of Prefect's API, and what is asked for there."""

_log = logging.getLogger(__name__)


class NorthflankJobConfiguration(NorthflankVariables, BaseJobConfiguration):
    """What one flow run asks of Northflank. Complete after `prepare_for_flow_run`."""

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
        """Build the configuration, and remember which of its environment comes from blocks that keep secrets."""
        if client is None:
            message = "inject_client gives one"
            raise RuntimeError(message)
        # Told first: Prefect takes the defaults of `env` out of what it is given.
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
        """Build the configuration of *flow_run*, patiently: Prefect's base worker takes a failure for a crash.

        Raises:
            ObjectNotFound: the deployment, the flow or a block that it names has been deleted.
            ConfigurationError: the job variables have values that they cannot have.
        """
        base = super().resolve_for_flow_run

        async def once() -> Self:
            # Prefect takes `env` out of the flow run's job variables, where a second try would miss it.
            return await base(flow_run.model_copy(deep=True), **context)

        try:
            made = await retry_prefect(lambda: cls._with_our_words(once))
        except (ObjectNotFound, httpx.HTTPStatusError) as error:
            # Prefect's client translates some 404s, and others not.
            refused = error.http_exc if isinstance(error, ObjectNotFound) else error
            if not isinstance(refused, httpx.HTTPStatusError) or not _is_gone(refused):
                raise
            raise ObjectNotFound(refused, _in_words(refused.request.url.path)) from error

        async def reread_token() -> str | None:
            try:
                return (await cls.resolve_for_flow_run(flow_run, **context)).access().token
            # Whatever keeps it from being read now, the old token goes on; the next refusal reads again.
            except Exception as error:  # noqa: BLE001  as above
                _log.warning("The Northflank token could not be read again: %s", one_line(error))
                return None

        made._reread_token = reread_token  # noqa: SLF001  of the same class
        return made

    @classmethod
    async def _with_our_words(cls, resolve: Callable[[], Awaitable[Self]]) -> Self:
        """Tell values that the job variables cannot have from an answer of Prefect that makes no sense."""
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
        """Complete environment, labels, command and name; the user's values win over Prefect's."""
        self.env = {**self.env, **(self.runtime_environment or {})}
        if self.prefect_api_url:
            self.env.setdefault("PREFECT_API_URL", self.prefect_api_url)
        # An evicted run goes back to its work pool instead of staying RUNNING with nothing behind it.
        self.env.setdefault(SIGTERM_BEHAVIOR, "reschedule")
        self.command = self.command or self.deployment_docker_custom_command
        # A name with the flow run in it cannot be that of a job for all of them.
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
        """Look at everything that can be known before anything is asked of Northflank.

        Raises:
            ConfigurationError: it cannot work; all of it, in one error.
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
        """Return the project jobs are made in.

        Raises:
            MissingProject: `project_id` is not set.
        """
        if not self.project_id:
            raise MissingProject
        return Project(id=self.project_id, team=access.team)

    def access(self) -> Access:
        """Return how to call Northflank; without a block, as the worker's environment says.

        Raises:
            MissingToken: neither has a token.
        """
        access = (self.credentials or Northflank()).access()
        return replace(access, reread_token=self._reread_token)

    def environment(self, access: Access) -> JobEnvironment:
        """Return the job's environment, plain and secret.

        Raises:
            ConfigurationError: it cannot work on the Northflank of *access*.
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

        It cannot where the command is not Prefect's own; it must not where Northflank itself is asked to run it again.
        """
        settings = self.job_body.get("settings")
        asks_northflank = bool(isinstance(settings, Mapping) and settings.get("backoffLimit"))
        return (
            self.guarded_start
            and self.command in (None, self._base_flow_run_command())
            and self.deployment_docker_config_type is DockerConfigType.CUSTOM_COMMAND
            and not self.deployment_docker_custom_entrypoint
            and not asks_northflank
        )

    def secret_identity(self, secret: Mapping[str, str]) -> str:
        """Return what tells this secret group from others of the pool: the Prefect server, and values of the user's own.

        A new value of the worker's own setting, or of a block, replaces the old one in the same group.
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
        """Return what the job is for, started under *claim*."""
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


def _in_words(path: str) -> str:
    """Return what Prefect was asked for at *path* and does not have; its own error says "None"."""
    gone = next((words for part, words in _ASKED_FOR.items() if f"/{part}/" in path), "part of it")
    return (
        f"the flow run cannot be started: {gone} no longer exists in Prefect. "
        "Fix: deploy the flow (or save the block or variable) again, then start a new run."
    )


async def _is_secret(block: BlockReference, client: PrefectClient) -> bool:
    """Whether a block keeps something secret, as its type says."""
    document = (
        await client.read_block_document(UUID(block.id))
        if block.id
        else await client.read_block_document_by_name(block.name, block.slug)
    )
    schema = document.block_schema
    return schema is None or bool(schema.fields.get("secret_fields"))
