"""Brings a flow run to a job run: claims it, starts it once, records where it is."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled

from prefect_northflank.accounts import Account, Connections, Log
from prefect_northflank.api.plans import Needs
from prefect_northflank.api.retry import Patience
from prefect_northflank.errors import (
    LongOver,
    NorthflankError,
    NotFound,
    NotRecorded,
    Rejected,
    TakenOver,
)
from prefect_northflank.job.configuration import NorthflankJobConfiguration
from prefect_northflank.job.definition import JobRequest, request_for
from prefect_northflank.job.names import flow_run_of
from prefect_northflank.records.claims import Claim, covered, submitted
from prefect_northflank.records.flow_runs import PrefectLedger
from prefect_northflank.records.pid import InfrastructurePid
from prefect_northflank.records.prefect_retry import is_passing
from prefect_northflank.watch.events import tell_of_start


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A flow run that is to be started, or was."""

    flow_run: FlowRun
    configuration: NorthflankJobConfiguration


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What was known of the flow run when it was decided to start it."""

    state: UUID
    """Its state; if another has followed since, somebody else acts."""
    start: InfrastructurePid | None = None
    """The start that this one takes the place of, intended or recorded."""


class Submitter:
    """Starts flow runs for one worker, each at most once per claim."""

    def __init__(
        self,
        *,
        connections: Connections,
        ledger: PrefectLedger,
        pool: str,
        on_claim: Callable[[UUID], None],
    ) -> None:
        """*on_claim* is told of each flow run that is ours to start, before Northflank is asked for anything."""
        self._connections = connections
        self._on_claim = on_claim
        self._ledger = ledger
        self._pool = pool

    async def fresh(self, flow_run: FlowRun) -> Before:
        """Return where a submission by Prefect's base worker starts from.

        Raises:
            LongOver: the flow run had ended before the base worker took it; it has its final state again.
            TakenOver: something has happened to the flow run since the base worker took it.
        """
        states = await self._ledger.states(flow_run.id)
        ended = covered(states)
        if ended is not None:
            await self._ledger.put_back(flow_run.id)
            raise LongOver(flow_run=flow_run.name, state=ended.name or "")
        state = submitted(states)
        if state is None:
            raise TakenOver(job=f"of flow run {flow_run.name}")
        return Before(state=state.id)

    async def submit(self, order: Order, before: Before, *, log: Log) -> InfrastructurePid:
        """Start one job run and return where it is; recorded in Prefect before (as intent) and after.

        Raises:
            TakenOver: the flow run is somebody else's, or cancelled; nothing of ours executes it.
            NotRecorded: it is started, and Prefect does not know where.
            NorthflankError: it cannot be started; it is still ours.
        """
        name = order.flow_run.name
        claim = await self._ledger.claim(
            order.flow_run.id, after=before.state, message="A Northflank job run is being started."
        )
        if claim is None:
            raise TakenOver(job=f"of flow run {name}")
        self._on_claim(order.flow_run.id)
        try:
            return await self._start(order, before, claim, log=log)
        except (TakenOver, NotRecorded):
            raise
        except NorthflankError as error:
            await self._still_ours(order, claim, job=f"of flow run {name}", cause=error)
            raise

    async def _start(
        self, order: Order, before: Before, claim: Claim, *, log: Log
    ) -> InfrastructurePid:
        flow_run, configuration = order.flow_run, order.configuration
        configuration.check()
        account = self._connections.account(configuration.access())
        project = configuration.project(account.access)
        patience = self._connections.patience(log.warning)
        request = await self._request(configuration, account, claim, patience, log)
        intent = InfrastructurePid(project=project, job=request.name)
        await self._ledger.write_pid(flow_run.id, str(intent))
        await patience.through(lambda: self._forestall(account, before))

        async def claimed() -> Collection[str]:
            known = await self._ledger.runs_claimed(intent, deployment_id=flow_run.deployment_id)
            return {*known, (before.start and before.start.run) or ""}

        async def still_ours() -> None:
            await self._still_ours(order, claim, job=request.name)

        try:
            run = await account.starter.start(
                project, request, patience=patience, claimed=claimed, still_ours=still_ours
            )
        except Rejected as refused:
            raise account.secrets.reason_for(refused, project, tags=request.tags) from refused
        pid = replace(intent, run=run.id)
        await self._record(order, account, intent=intent, pid=pid)
        tell_of_start(configuration, pid)
        log.info("Started Northflank job run %s of job %s.", run.id, request.name)
        return pid

    async def _request(
        self,
        configuration: NorthflankJobConfiguration,
        account: Account,
        claim: Claim,
        patience: Patience,
        log: Log,
    ) -> JobRequest:
        """Return what to ask Northflank for; puts the secret group first if its value is new."""
        project = configuration.project(account.access)
        if (needs := configuration.needs) != Needs():
            configuration.take_plan(await account.plans.now())
            log.info(
                "Plan %s is the cheapest that has %s%s.",
                configuration.billing_deployment_plan,
                needs,
                f"; no plan has fewer than its {configuration.billing_gpu_count} GPUs"
                if needs.gpus and needs.gpus != configuration.billing_gpu_count
                else "",
            )
        env = configuration.environment(account.access)
        tag = await patience.through(
            lambda: account.secrets.tag_for(
                project,
                pool=self._pool,
                secret=env.secret,
                identity=configuration.secret_identity(env.secret),
            )
        )
        tags = await patience.through(
            lambda: account.secrets.tags_of(project, configuration.secret_groups or ())
        )
        subject = configuration.subject(
            submission=randomness.token_hex(2),
            env=env.plain,
            tags=[*tags, *([tag] if tag else [])],
            claim=claim,
        )
        return request_for(subject, configuration)

    async def _forestall(self, account: Account, before: Before) -> None:
        """Delete the job of a start that was intended and not made: a request still on its way must find nothing."""
        intended = before.start
        if intended is None or intended.run is not None or flow_run_of(intended.job) is None:
            return
        with suppress(NotFound):
            await account.client.at_once().delete_job(intended.project, intended.job)

    async def _still_ours(
        self, order: Order, claim: Claim, *, job: str, cause: Exception | None = None
    ) -> None:
        """Look once more: a slow worker may have been taken for dead, or somebody has cancelled.

        Raises:
            TakenOver: another state has followed the claim.
        """
        flow_run_id = order.flow_run.id
        record = (await self._ledger.records([flow_run_id])).get(flow_run_id)
        if record is not None and record.state_id == claim.id:
            return
        if record is not None and record.state is StateType.CANCELLING:
            message = "Cancelled before it was started."
            await self._ledger.propose(flow_run_id, Cancelled(message=message))
        raise TakenOver(job=job) from cause

    async def _record(
        self, order: Order, account: Account, *, intent: InfrastructurePid, pid: InfrastructurePid
    ) -> None:
        """Write where the flow run is, unless somebody else has taken it since we wrote what we intend."""
        flow_run_id = order.flow_run.id
        try:
            record = (await self._ledger.records([flow_run_id])).get(flow_run_id)
            if record is not None and record.pid in (str(intent), str(pid)):
                await self._ledger.write_pid(flow_run_id, str(pid))
                return
        except Exception as error:
            if not is_passing(error):
                raise
            raise NotRecorded(job=pid.job, run=pid.run or "", reason=repr(error)) from error
        # Guarded, it executes nothing anyway; it need not wait for its image to find that out.
        with suppress(NorthflankError):
            await account.client.abort_run(pid.project, pid.job, pid.run or "")
        raise TakenOver(job=pid.job)
