"""Finds the flow runs of the pool that nobody watches, and gives each what it needs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from time import monotonic
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Scheduled

from prefect_northflank.adoption import Company, Need, need_of
from prefect_northflank.api import JobRun
from prefect_northflank.client import NorthflankClient
from prefect_northflank.errors import NotFound
from prefect_northflank.janitor import Janitor
from prefect_northflank.ledger import PrefectLedger, parsed
from prefect_northflank.names import flow_run_of
from prefect_northflank.pid import InfrastructurePid
from prefect_northflank.start import CLOCKS_DIFFER_BY, unclaimed
from prefect_northflank.tempo import Tempo


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What the caretaker needs of its worker."""

    name: str
    in_hand: Callable[[], Collection[UUID]]
    """Flow runs the worker is busy with."""
    client_of: Callable[[FlowRun], Awaitable[NorthflankClient]]
    """Opens the account a flow run's job variables name."""
    adopt: Callable[[FlowRun, InfrastructurePid], None]
    """Takes a flow run with a job run under watch."""
    sign: Callable[[UUID], Awaitable[None]]
    """Writes the worker's name on the flow run."""


class Caretaker:
    """Looks for unwatched flow runs again and again, as one background task of a worker."""

    def __init__(
        self,
        hands: Hands,
        *,
        ledger: PrefectLedger,
        tempo: Tempo,
        logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._hands = hands
        self._ledger = ledger
        self._tempo = tempo
        self._logger = logger
        self._task: asyncio.Task[None] | None = None
        self._janitor = Janitor(ledger=ledger, client_of=hands.client_of, logger=logger)
        self._next_tidying = 0.0
        self._online: frozenset[str] = frozenset()

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
            try:
                await self.round()
            # One round that fails (Prefect away, a block deleted) must not end the search for good.
            except Exception:
                self._logger.warning("The search for unwatched flow runs failed.", exc_info=True)
            await asyncio.sleep(self._tempo.adopt_seconds)

    async def round(self) -> None:
        """Give every unwatched flow run what it needs."""
        flow_runs = await self._ledger.unfinished()
        online = await self._ledger.online_workers()
        company = Company(me=self._hands.name, online=online, in_hand=self._hands.in_hand())
        for flow_run in flow_runs:
            await self._try_to_give(flow_run, company)
        # Somebody has just left: what they held comes into our hands.
        if monotonic() >= self._next_tidying or self._online - set(online):
            self._next_tidying = monotonic() + self._tempo.tidy_seconds
            await self._janitor.round(company)
        self._online = frozenset(online)

    async def _try_to_give(self, flow_run: FlowRun, company: Company) -> None:
        try:
            await self._give(flow_run, company)
        # One flow run whose block is gone must not keep the others from being found.
        except Exception:
            self._logger.warning("Could not take over flow run %s.", flow_run.id, exc_info=True)

    async def _give(self, flow_run: FlowRun, company: Company) -> None:
        now, settle = datetime.now(timezone.utc), timedelta(seconds=self._tempo.settle_seconds)
        pid = parsed(flow_run.infrastructure_pid)
        match need_of(flow_run, company, now=now, settle=settle):
            case Need.NOTHING:
                return
            case Need.WATCHER if pid is not None:
                await self._adopt(flow_run, pid)
            case Need.SEARCH if pid is not None:
                run = await self._search(flow_run, pid)
                if run is not None:
                    await self._adopt(flow_run, replace(pid, run=run.id))
                elif flow_run.state is not None and flow_run.state.type is StateType.PENDING:
                    await self._forestall(flow_run, pid)
                    await self._schedule(flow_run)
            case Need.SCHEDULE:
                await self._schedule(flow_run)

    async def _adopt(self, flow_run: FlowRun, pid: InfrastructurePid) -> None:
        await self._hands.sign(flow_run.id)
        if flow_run.infrastructure_pid != str(pid):
            await self._ledger.write_pid(flow_run.id, str(pid))
        self._hands.adopt(flow_run, pid)

    async def _search(self, flow_run: FlowRun, pid: InfrastructurePid) -> JobRun | None:
        """Return the job run that a worker started for *flow_run* without living to record it."""
        client = await self._hands.client_of(flow_run)
        only_ours = flow_run_of(pid.job) is not None
        submitted = flow_run.state.timestamp if flow_run.state else None
        since = None if only_ours or submitted is None else submitted - CLOCKS_DIFFER_BY

        async def claimed() -> Collection[str]:
            return (
                ()
                if only_ours
                else await self._ledger.runs_claimed(pid, deployment_id=flow_run.deployment_id)
            )

        found = await unclaimed(client, pid.project, pid.job, claimed=claimed, since=since)
        return found[0] if found else None

    async def _forestall(self, flow_run: FlowRun, pid: InfrastructurePid) -> None:
        """Delete the job a start was intended for: a request still on its way must find nothing to start."""
        if flow_run_of(pid.job) is None:
            return
        client = await self._hands.client_of(flow_run)
        with suppress(NotFound):
            await client.delete_job(pid.project, pid.job)

    async def _schedule(self, flow_run: FlowRun) -> None:
        """Hand a flow run that never got a job run back to its work pool."""
        message = (
            "The worker that took this flow run stopped before it started a Northflank job run."
        )
        if await self._ledger.propose(flow_run.id, Scheduled(message=message)):
            self._logger.info(
                "Flow run %s was left pending by a worker that is gone; scheduled again.",
                flow_run.id,
            )
