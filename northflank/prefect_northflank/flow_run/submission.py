"""Submits a flow run to Northflank: claims it, starts one job run, records which one."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled

from prefect_northflank.accounts import Account, Accounts
from prefect_northflank.api.plans import Needs
from prefect_northflank.api.retry import LongRetry
from prefect_northflank.errors import (
    AlreadyEnded,
    NorthflankError,
    NotFound,
    NotRecorded,
    Rejected,
    TakenOver,
)
from prefect_northflank.flow_run.job_run_events import emit_started
from prefect_northflank.job.configuration import NorthflankJobConfiguration
from prefect_northflank.job.definition import JobRequest, request_for
from prefect_northflank.job.names import flow_run_of
from prefect_northflank.loggers import LoggerOrAdapter
from prefect_northflank.records.claims import Claim, covered, submitted
from prefect_northflank.records.flow_runs import FlowRunRecords
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.records.prefect_retry import is_transient


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRunSubmission:
    """A flow run, and the job configuration with which it is submitted."""

    flow_run: FlowRun
    configuration: NorthflankJobConfiguration


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimBasis:
    """What was known of the flow run when the worker decided to start it."""

    state_id: UUID
    """Its last state. If another state has followed since, another worker or the user has acted."""
    earlier_start: InfrastructurePid | None = None
    """The intended or recorded start that the new one replaces."""


class Submitter:
    """Starts flow runs for one worker, each at most once per claim."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        records: FlowRunRecords,
        pool: str,
        on_claim: Callable[[UUID], None],
    ) -> None:
        """Call *on_claim* with each flow run that this worker has claimed, before the first call to Northflank."""
        self._accounts = accounts
        self._on_claim = on_claim
        self._records = records
        self._pool = pool

    async def basis_for(self, flow_run: FlowRun) -> ClaimBasis:
        """Return the basis of a submission by Prefect's base worker.

        Raises:
            AlreadyEnded: the flow run had ended before the base worker took it; it has its final state again.
            TakenOver: something has happened to the flow run since the base worker took it.
        """
        states = await self._records.states(flow_run.id)
        ended = covered(states)
        if ended is not None:
            await self._records.restore_final_state(flow_run.id)
            raise AlreadyEnded(flow_run=flow_run.name, state=ended.name or "")
        state = submitted(states)
        if state is None:
            raise TakenOver(job=f"of flow run {flow_run.name}")
        return ClaimBasis(state_id=state.id)

    async def submit(
        self, submission: FlowRunSubmission, basis: ClaimBasis, *, log: LoggerOrAdapter
    ) -> InfrastructurePid:
        """Start one job run and return it. Prefect records it twice: as an intent before the start, and after it.

        Raises:
            TakenOver: another worker has the flow run, or it is cancelled; no job run of this worker executes it.
            NotRecorded: the job run is started, but Prefect could not record which one it is.
            NorthflankError: it cannot be started; this worker still holds the claim.
        """
        name = submission.flow_run.name
        claim = await self._records.claim(
            submission.flow_run.id,
            after=basis.state_id,
            message="A Northflank job run is being started.",
        )
        if claim is None:
            raise TakenOver(job=f"of flow run {name}")
        self._on_claim(submission.flow_run.id)
        try:
            return await self._start(submission, basis, claim, log=log)
        except (TakenOver, NotRecorded):
            raise
        except NorthflankError as error:
            await self._check_claim(submission, claim, job=f"of flow run {name}", cause=error)
            raise

    async def _start(
        self,
        submission: FlowRunSubmission,
        basis: ClaimBasis,
        claim: Claim,
        *,
        log: LoggerOrAdapter,
    ) -> InfrastructurePid:
        flow_run, configuration = submission.flow_run, submission.configuration
        configuration.check()
        account = self._accounts.account(configuration.access())
        project = configuration.project(account.access)
        retry = self._accounts.long_retry(log.warning)
        request = await self._request(configuration, account, claim, retry, log)
        intent = InfrastructurePid(project=project, job=request.name)
        await self._records.write_pid(flow_run.id, str(intent))
        await retry.call(lambda: self._prevent_earlier_start(account, basis))

        async def claimed() -> Collection[str]:
            known = await self._records.runs_claimed(intent, deployment_id=flow_run.deployment_id)
            return {*known, (basis.earlier_start and basis.earlier_start.run) or ""}

        async def check_claim() -> None:
            await self._check_claim(submission, claim, job=request.name)

        try:
            run = await account.starter.start(
                project, request, retry=retry, claimed=claimed, check_claim=check_claim
            )
        except Rejected as rejected:
            raise account.secrets.reason_for(rejected, project, tags=request.tags) from rejected
        pid = replace(intent, run=run.id)
        await self._record(submission, account, intent=intent, pid=pid)
        emit_started(configuration, pid)
        log.info("Started Northflank job run %s of job %s.", run.id, request.name)
        return pid

    async def _request(
        self,
        configuration: NorthflankJobConfiguration,
        account: Account,
        claim: Claim,
        retry: LongRetry,
        log: LoggerOrAdapter,
    ) -> JobRequest:
        """Return the request for the job; put the secret group first if its value is new."""
        project = configuration.project(account.access)
        if (needs := configuration.needs) != Needs():
            configuration.take_plan(await account.plans.now())
            log.info("%s", _plan_in_words(needs, configuration))
        env = configuration.environment(account.access)
        tag = await retry.call(
            lambda: account.secrets.tag_for(
                project,
                pool=self._pool,
                secret=env.secret,
                identity=configuration.secret_identity(env.secret),
            )
        )
        tags = await retry.call(
            lambda: account.secrets.tags_of(project, configuration.secret_groups or ())
        )
        subject = configuration.subject(
            submission_id=randomness.token_hex(2),
            env=env.plain,
            tags=[*tags, *([tag] if tag else [])],
            claim=claim,
        )
        return request_for(subject, configuration)

    async def _prevent_earlier_start(self, account: Account, basis: ClaimBasis) -> None:
        """Delete the job of a start that was intended but not recorded: a request that arrives late must find no job."""
        intent = basis.earlier_start
        if intent is None or intent.run is not None or flow_run_of(intent.job) is None:
            return
        with suppress(NotFound):
            await account.client.without_waiting().delete_job(intent.project, intent.job)

    async def _check_claim(
        self,
        submission: FlowRunSubmission,
        claim: Claim,
        *,
        job: str,
        cause: Exception | None = None,
    ) -> None:
        """Check that the claim still holds: other workers may take a slow one for dead, and the user may cancel.

        Raises:
            TakenOver: another state has followed the claim.
        """
        flow_run_id = submission.flow_run.id
        record = (await self._records.read([flow_run_id])).get(flow_run_id)
        if record is not None and record.state_id == claim.id:
            return
        if record is not None and record.state is StateType.CANCELLING:
            message = "Cancelled before it was started."
            await self._records.propose(flow_run_id, Cancelled(message=message))
        raise TakenOver(job=job) from cause

    async def _record(
        self,
        submission: FlowRunSubmission,
        account: Account,
        *,
        intent: InfrastructurePid,
        pid: InfrastructurePid,
    ) -> None:
        """Record the job run in Prefect, unless another worker has taken the flow run since the intent was recorded."""
        flow_run_id = submission.flow_run.id
        try:
            record = (await self._records.read([flow_run_id])).get(flow_run_id)
            # None: the intended id was lost after all. A worker that takes a flow run over writes its own id first.
            if record is not None and record.pid in (None, str(intent), str(pid)):
                await self._records.write_pid(flow_run_id, str(pid))
                return
        except Exception as error:
            if not is_transient(error):
                raise
            raise NotRecorded(job=pid.job, run=pid.run or "", reason=repr(error)) from error
        # The claim gate would stop it anyway, but only once its image has been pulled.
        with suppress(NorthflankError):
            await account.client.abort_run(pid.project, pid.job, pid.run or "")
        raise TakenOver(job=pid.job)


def _plan_in_words(needs: Needs, configuration: NorthflankJobConfiguration) -> str:
    gpus = configuration.billing_gpu_count
    rounded = f"; no plan has fewer than its {gpus} GPUs" if needs.gpus not in (0, gpus) else ""
    return (
        f"Plan {configuration.billing_deployment_plan} is the cheapest that has {needs}{rounded}."
    )
