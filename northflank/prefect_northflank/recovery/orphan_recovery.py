"""Recovers orphans: flow runs of the pool whose worker is gone are watched, searched for, started or ended."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta, timezone
from time import monotonic
from typing import Protocol
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Crashed

from prefect_northflank.accounts import Accounts
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.errors import NoCallsLeft
from prefect_northflank.flow_run.submission import ClaimBasis
from prefect_northflank.intervals import Intervals
from prefect_northflank.job.configuration import NorthflankJobConfiguration
from prefect_northflank.loggers import LoggerOrAdapter
from prefect_northflank.records.claims import PASSED
from prefect_northflank.records.flow_runs import FlowRunRecords, parse_pid
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.records.repeated_problems import RepeatedProblems
from prefect_northflank.recovery.leftover_jobs import LeftoverJobs
from prefect_northflank.recovery.orphan_rules import (
    Backoff,
    PoolWorkers,
    RecoveryAction,
    action_for,
)
from prefect_northflank.start.find_job_run import JobRunSearch

LONGEST_WAIT_SECONDS = 300.0
"""The longest wait between two attempts at a flow run."""

MAX_ATTEMPT_SECONDS = 120.0
"""How long one attempt at one flow run may take; every step can be interrupted and repeated."""


class WorkerPort(Protocol):
    """What the recovery needs of its worker; `NorthflankWorker` implements it."""

    name: str
    accounts: Accounts

    def flow_runs_in_hand(self) -> Collection[UUID]:
        """Return the flow runs that the worker is busy with."""
        ...

    def has_room(self) -> bool:
        """Return whether the worker's --limit lets it start another flow run."""
        ...

    async def configuration_of(self, flow_run: FlowRun) -> NorthflankJobConfiguration:
        """Return the job configuration of the flow run."""
        ...

    async def label(self, flow_run_id: UUID) -> None:
        """Label the flow run with the worker's name."""
        ...

    def watch_orphan(self, flow_run: FlowRun, pid: InfrastructurePid) -> None:
        """Watch a flow run that another worker started, to its end."""
        ...

    def start_orphan(self, flow_run: FlowRun, basis: ClaimBasis) -> bool:
        """Start a flow run whose worker died before it could; return whether there was room for it."""
        ...


class OrphanRecovery:
    """Looks for orphans again and again, as one background task of a worker."""

    def __init__(
        self,
        worker: WorkerPort,
        *,
        records: FlowRunRecords,
        intervals: Intervals,
        logger: LoggerOrAdapter,
    ) -> None:
        self._worker = worker
        self._records = records
        self._intervals = intervals
        self._logger = logger
        self._task: asyncio.Task[None] | None = None
        self._leftover_jobs = LeftoverJobs(
            records=records, client_of=self._client_of, logger=logger
        )
        self._problems = RepeatedProblems(logger)
        self._next_clean_up = 0.0
        self._online: frozenset[str] = frozenset()
        self._backoff = Backoff(intervals.adopt_seconds, LONGEST_WAIT_SECONDS)
        self._seen_deleted: set[UUID] = set()

    def start(self) -> None:
        """Start the background task; a second call changes nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop the background task."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            # One round that fails (Prefect is away, a block was deleted) must not end the search for good.
            with self._problems.survive("search for unwatched flow runs"):
                await self.round()
            await asyncio.sleep(self._intervals.adopt_seconds)

    async def round(self) -> None:
        """Do for every orphan what it needs; from time to time, delete leftover jobs."""
        # A flow run that this worker finishes while Prefect answers is over, even if the response calls it unfinished.
        in_hand = set(self._worker.flow_runs_in_hand())
        flow_runs = await self._records.unfinished()
        online = await self._records.online_workers()
        in_hand |= set(self._worker.flow_runs_in_hand())
        workers = PoolWorkers(me=self._worker.name, online=online, in_hand=in_hand)
        # Watching a known job run takes no call to Northflank; a search may have to wait for one, so it comes later.
        self._backoff.forget_all_but(flow_runs)
        for flow_run in sorted(flow_runs, key=_needs_search):
            if self._backoff.is_due(flow_run, now=monotonic()):
                await self._try_to_recover(flow_run, workers)
        # When a worker has just left, its jobs are this worker's to delete.
        worker_left = bool(self._online - set(online))
        self._online = frozenset(online)
        if monotonic() >= self._next_clean_up or worker_left:
            self._next_clean_up = monotonic() + self._intervals.tidy_seconds
            await asyncio.wait_for(self._leftover_jobs.delete(workers), MAX_ATTEMPT_SECONDS)

    async def _try_to_recover(self, flow_run: FlowRun, workers: PoolWorkers) -> None:
        try:
            await asyncio.wait_for(self._recover(flow_run, workers), MAX_ATTEMPT_SECONDS)
        # One flow run whose block is gone, or whose account has no calls left, must not hold up the others.
        except NoCallsLeft as error:
            self._backoff.note(flow_run, now=monotonic())
            self._logger.debug("Flow run %s is taken over later: %s", flow_run.id, error)
        except Exception as error:  # noqa: BLE001  reading a block or a response may raise anything
            self._backoff.note(flow_run, now=monotonic())
            self._problems.report(f"take over flow run {flow_run.id}", error)

    async def _recover(self, flow_run: FlowRun, workers: PoolWorkers) -> None:
        now = datetime.now(timezone.utc)
        settle = timedelta(seconds=self._intervals.settle_seconds)
        action = action_for(flow_run, workers, now=now, settle=settle)
        if action is RecoveryAction.NOTHING or flow_run.state is None:
            return
        is_young = now - flow_run.state.timestamp < settle
        if await self._had_ended(flow_run, flow_run.state, is_young=is_young):
            return
        if await self._is_done(action, flow_run, flow_run.state):
            self._backoff.note(flow_run, now=monotonic())

    async def _is_done(self, action: RecoveryAction, flow_run: FlowRun, state: State) -> bool:
        """Do *action*; return whether that counts as an attempt."""
        pid = parse_pid(flow_run.infrastructure_pid)
        match action:
            case RecoveryAction.WATCH if pid is not None:
                await self._watch(flow_run, pid)
            case RecoveryAction.SEARCH:
                if not await self._found(flow_run, pid):
                    await self._end(flow_run, pid)
            case RecoveryAction.START:
                return await self._start(flow_run, pid, state)
            case RecoveryAction.WATCH | RecoveryAction.NOTHING:
                return False
        return True

    async def _had_ended(self, flow_run: FlowRun, state: State, *, is_young: bool) -> bool:
        """Return whether the flow run had ended before a late request made it PENDING; restore its final state.

        While the request is young, the worker that sent it may be about to send the next one, and to restore the state.
        """
        if state.type is not StateType.PENDING:
            return False
        ended = await self._records.covered_state(flow_run.id)
        if ended is not None and not is_young:
            await self._records.restore_final_state(flow_run.id)
            self._logger.info(
                "A late request had set flow run %s to Pending after its end; it is %s again.",
                flow_run.id,
                ended.name,
            )
        return ended is not None

    async def _watch(self, flow_run: FlowRun, pid: InfrastructurePid) -> None:
        await self._worker.label(flow_run.id)
        if flow_run.infrastructure_pid != str(pid):
            await self._records.write_pid(flow_run.id, str(pid))
        self._worker.watch_orphan(flow_run, pid)

    async def _start(self, flow_run: FlowRun, pid: InfrastructurePid | None, state: State) -> bool:
        """Start the flow run unless it has a job run; return whether that counts as an attempt.

        A job run that this search cannot see is dealt with by the claim.
        """
        # Without room, every round would spend a call on each flow run. One that is being executed is RUNNING soon.
        if not self._worker.has_room():
            return False
        if await self._found(flow_run, pid):
            return True
        if pid is not None and state.name == PASSED and await self._may_exist(flow_run, pid):
            return True
        return self._worker.start_orphan(flow_run, ClaimBasis(state_id=state.id, earlier_start=pid))

    async def _found(self, flow_run: FlowRun, pid: InfrastructurePid | None) -> bool:
        """Watch the job run that a worker started but did not live to record; return whether there is one."""
        if pid is None:
            return False
        found = await (await self._search_for(flow_run)).find(flow_run, pid)
        if found is not None:
            await self._watch(flow_run, found)
        return found is not None

    async def _may_exist(self, flow_run: FlowRun, pid: InfrastructurePid) -> bool:
        """Return whether a container that has passed the claim gate may be among the unclaimed runs of its job."""
        return await (await self._search_for(flow_run)).has_unclaimed(flow_run, pid)

    async def _end(self, flow_run: FlowRun, pid: InfrastructurePid | None) -> None:
        """Cancel a flow run that is being cancelled and has no container to do it; report one whose job was deleted."""
        if flow_run.state is not None and flow_run.state.type is StateType.CANCELLING:
            message = "Cancelled; no Northflank job run executes it."
            await self._records.propose(flow_run.id, Cancelled(message=message))
        elif pid is not None and await self._was_deleted(flow_run, pid):
            message = f"Northflank job {pid.job}: the job run was deleted in Northflank."
            await self._records.propose(flow_run.id, Crashed(message=message))

    async def _was_deleted(self, flow_run: FlowRun, pid: InfrastructurePid) -> bool:
        """Return whether the job was missing twice: one response may come from a stale replica."""
        seen_before = flow_run.id in self._seen_deleted
        self._seen_deleted.discard(flow_run.id)
        deleted = await (await self._search_for(flow_run)).was_deleted(flow_run, pid)
        if deleted and not seen_before:
            self._seen_deleted.add(flow_run.id)
        return deleted and seen_before

    async def _search_for(self, flow_run: FlowRun) -> JobRunSearch:
        configuration = await self._worker.configuration_of(flow_run)
        client = self._worker.accounts.account(configuration.access()).client
        return JobRunSearch(client=client, records=self._records, gated=configuration.gated)

    async def _client_of(self, flow_run: FlowRun) -> NorthflankClient:
        configuration = await self._worker.configuration_of(flow_run)
        return self._worker.accounts.account(configuration.access()).client


def _needs_search(flow_run: FlowRun) -> bool:
    pid = parse_pid(flow_run.infrastructure_pid)
    return pid is None or pid.run is None
