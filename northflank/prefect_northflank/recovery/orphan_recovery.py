"""Finds the flow runs of the pool that nobody watches, and gives each what it needs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from time import monotonic
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Crashed

from prefect_northflank.accounts import Accounts
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.errors import NoCallsLeft
from prefect_northflank.flow_run.submission import ClaimBasis
from prefect_northflank.intervals import Intervals
from prefect_northflank.job.configuration import NorthflankJobConfiguration
from prefect_northflank.records.claims import PASSED
from prefect_northflank.records.flow_runs import FlowRunRecords, parsed
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
"""Between two attempts upon a flow run of which the earlier ones came to nothing."""

LONGEST_SEARCH_SECONDS = 120.0
"""Spent on one flow run in one round; every step can be broken off and made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPort:
    """What the caretaker needs of its worker."""

    name: str
    in_hand: Callable[[], Collection[UUID]]
    """Flow runs the worker is busy with."""
    configuration_of: Callable[[FlowRun], Awaitable[NorthflankJobConfiguration]]
    accounts: Accounts
    adopt: Callable[[FlowRun, InfrastructurePid], None]
    """Takes a flow run with a job run under watch."""
    has_room: Callable[[], bool]
    """Whether the worker's --limit lets it start another flow run."""
    start: Callable[[FlowRun, ClaimBasis], bool]
    """Starts a flow run that has none; whether there was room for it."""
    sign: Callable[[UUID], Awaitable[None]]
    """Writes the worker's name on the flow run."""


class OrphanRecovery:
    """Looks for unwatched flow runs again and again, as one background task of a worker."""

    def __init__(
        self,
        hands: WorkerPort,
        *,
        records: FlowRunRecords,
        intervals: Intervals,
        logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._hands = hands
        self._records = records
        self._intervals = intervals
        self._logger = logger
        self._task: asyncio.Task[None] | None = None
        self._janitor = LeftoverJobs(records=records, client_of=self._client_of, logger=logger)
        self._problems = RepeatedProblems(logger)
        self._next_tidying = 0.0
        self._online: frozenset[str] = frozenset()
        self._attempts = Backoff(intervals.adopt_seconds, LONGEST_WAIT_SECONDS)
        self._seen_gone: set[UUID] = set()

    def start(self) -> None:
        """Begin; a second call changes nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._go_round())

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _go_round(self) -> None:
        while True:
            # One round that fails (Prefect away, a block deleted) must not end the search for good.
            with self._problems.survive("search for unwatched flow runs"):
                await self.round()
            await asyncio.sleep(self._intervals.adopt_seconds)

    async def round(self) -> None:
        """Give every unwatched flow run what it needs."""
        # What leaves our hands while Prefect answers is over, though the answer may still call it unfinished.
        in_hand = set(self._hands.in_hand())
        flow_runs = await self._records.unfinished()
        online = await self._records.online_workers()
        in_hand |= set(self._hands.in_hand())
        workers = PoolWorkers(me=self._hands.name, online=online, in_hand=in_hand)
        # What has a job run needs no Northflank call to be taken over; searching may have to wait for one.
        self._attempts.forget_all_but(flow_runs)
        for flow_run in sorted(flow_runs, key=_is_searched_for):
            if self._attempts.is_due(flow_run, now=monotonic()):
                await self._try_to_give(flow_run, workers)
        # Somebody has just left: what they held comes into our hands.
        somebody_left = bool(self._online - set(online))
        self._online = frozenset(online)
        if monotonic() >= self._next_tidying or somebody_left:
            self._next_tidying = monotonic() + self._intervals.tidy_seconds
            await asyncio.wait_for(self._janitor.round(workers), LONGEST_SEARCH_SECONDS)

    async def _try_to_give(self, flow_run: FlowRun, workers: PoolWorkers) -> None:
        try:
            await asyncio.wait_for(self._give(flow_run, workers), LONGEST_SEARCH_SECONDS)
        # One flow run whose block is gone, or whose account has no calls left, must not keep the others from being found.
        except NoCallsLeft as later:
            self._attempts.note(flow_run, now=monotonic())
            self._logger.debug("Flow run %s is taken over later: %s", flow_run.id, later)
        except Exception as error:  # noqa: BLE001 (whatever reading a block or an answer raises)
            self._attempts.note(flow_run, now=monotonic())
            self._problems.report(f"take over flow run {flow_run.id}", error)

    async def _give(self, flow_run: FlowRun, workers: PoolWorkers) -> None:
        now, settle = datetime.now(timezone.utc), timedelta(seconds=self._intervals.settle_seconds)
        need = action_for(flow_run, workers, now=now, settle=settle)
        if need is RecoveryAction.NOTHING or flow_run.state is None:
            return
        is_young = now - flow_run.state.timestamp < settle
        if await self._was_over(flow_run, flow_run.state, is_young=is_young):
            return
        if await self._is_given(need, flow_run, flow_run.state):
            self._attempts.note(flow_run, now=monotonic())

    async def _is_given(self, need: RecoveryAction, flow_run: FlowRun, state: State) -> bool:
        """Give *flow_run* what it needs; return whether that is worth an attempt."""
        pid = parsed(flow_run.infrastructure_pid)
        match need:
            case RecoveryAction.WATCHER if pid is not None:
                await self._adopt(flow_run, pid)
            case RecoveryAction.SEARCH:
                if not await self._found(flow_run, pid):
                    await self._conclude(flow_run, pid)
            case RecoveryAction.START:
                return await self._start(flow_run, pid, state)
            case RecoveryAction.WATCHER | RecoveryAction.NOTHING:
                return False
        return True

    async def _was_over(self, flow_run: FlowRun, state: State, *, is_young: bool) -> bool:
        """Whether a request that came late has made a flow run PENDING that was over; it gets its final state back.

        While the request is young, the worker that has sent it may be about to send the next, and to put things right.
        """
        if state.type is not StateType.PENDING:
            return False
        ended = await self._records.covered(flow_run.id)
        if ended is not None and not is_young:
            await self._records.put_back(flow_run.id)
            self._logger.info(
                "A request that came late had made flow run %s Pending; it is %s again.",
                flow_run.id,
                ended.name,
            )
        return ended is not None

    async def _adopt(self, flow_run: FlowRun, pid: InfrastructurePid) -> None:
        await self._hands.sign(flow_run.id)
        if flow_run.infrastructure_pid != str(pid):
            await self._records.write_pid(flow_run.id, str(pid))
        self._hands.adopt(flow_run, pid)

    async def _start(self, flow_run: FlowRun, pid: InfrastructurePid | None, state: State) -> bool:
        """Start it, unless a job run of it is there; the claim settles what we cannot see. Return whether we could."""
        # With no room, every round would spend a call on each; one that is executed all the same is RUNNING soon.
        if not self._hands.has_room():
            return False
        if await self._found(flow_run, pid):
            return True
        if pid is not None and state.name == PASSED and await self._may_be_there(flow_run, pid):
            return True
        return self._hands.start(flow_run, ClaimBasis(state=state.id, start=pid))

    async def _found(self, flow_run: FlowRun, pid: InfrastructurePid | None) -> bool:
        """Adopt the job run that a worker started for *flow_run* without living to record it; whether there is one."""
        if pid is None:
            return False
        found = await (await self._search_for(flow_run)).run_of(flow_run, pid)
        if found is not None:
            await self._adopt(flow_run, found)
        return found is not None

    async def _may_be_there(self, flow_run: FlowRun, pid: InfrastructurePid) -> bool:
        """Whether a container that has said it executes the flow run may be among runs nobody can tell apart."""
        return await (await self._search_for(flow_run)).has_strangers(flow_run, pid)

    async def _conclude(self, flow_run: FlowRun, pid: InfrastructurePid | None) -> None:
        """Cancel a flow run that is being cancelled and has no container to do it; report one whose job was deleted."""
        if flow_run.state is not None and flow_run.state.type is StateType.CANCELLING:
            message = "Cancelled; no Northflank job run executes it."
            await self._records.propose(flow_run.id, Cancelled(message=message))
        elif pid is not None and await self._is_gone(flow_run, pid):
            message = f"Northflank job {pid.job}: the job run was deleted in Northflank."
            await self._records.propose(flow_run.id, Crashed(message=message))

    async def _is_gone(self, flow_run: FlowRun, pid: InfrastructurePid) -> bool:
        """Whether the job was not there twice: one answer may come from a stale replica."""
        seen_before = flow_run.id in self._seen_gone
        self._seen_gone.discard(flow_run.id)
        gone = await (await self._search_for(flow_run)).was_deleted(flow_run, pid)
        if gone and not seen_before:
            self._seen_gone.add(flow_run.id)
        return gone and seen_before

    async def _search_for(self, flow_run: FlowRun) -> JobRunSearch:
        configuration = await self._hands.configuration_of(flow_run)
        client = self._hands.accounts.account(configuration.access()).client
        return JobRunSearch(client=client, records=self._records, gated=configuration.gated)

    async def _client_of(self, flow_run: FlowRun) -> NorthflankClient:
        configuration = await self._hands.configuration_of(flow_run)
        return self._hands.accounts.account(configuration.access()).client


def _is_searched_for(flow_run: FlowRun) -> bool:
    pid = parsed(flow_run.infrastructure_pid)
    return pid is None or pid.run is None
