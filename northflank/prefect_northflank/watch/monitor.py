"""Watches all flow runs of one project: Prefect's states first, then one sweep of Northflank within its budget."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic
from uuid import UUID

from prefect.client.schemas.objects import StateType

from prefect_northflank.api.budget import Purpose
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import JobRun, Project
from prefect_northflank.errors import (
    NoCallsLeft,
    NorthflankError,
    NotFound,
)
from prefect_northflank.intervals import Intervals
from prefect_northflank.records.flow_runs import FlowRunRecord, RecordReader
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.records.repeated_problems import RepeatedProblems
from prefect_northflank.watch.exit_reason import waiting_for
from prefect_northflank.watch.poll_schedule import (
    Poll,
    calls_to_poll_all,
    polls_due,
    seconds_to_next_poll,
)
from prefect_northflank.watch.watched_run import ABOUT_TO_END, WatchedRun, WatchResult, outcome_of

_GONE_LOOKS = 2
"""Looks in a row without the run before it counts as deleted: one answer may come from a stale replica."""

_EXPLAINED_AT_ONCE = 3
"""Waiting containers asked about in one look."""


def _no_telling(_: str) -> None:
    """Let what a container waits for go unsaid."""


class Monitor:
    """Watches flow runs until each has an ending. It only looks: what follows from an ending is the caller's.

    No error of either API ends a watch; the next round is the retry.
    """

    def __init__(
        self,
        *,
        client: NorthflankClient,
        records: RecordReader,
        project: Project,
        intervals: Intervals,
        logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._client = client
        self._records = records
        self._project = project
        self._intervals = intervals
        self._problems = RepeatedProblems(logger)
        self._clock = clock
        self._watches: dict[str, WatchedRun] = {}
        self._rounds: asyncio.Task[None] | None = None

    async def watch(
        self,
        flow_run_id: UUID,
        pid: InfrastructurePid,
        *,
        pending_timeout: float | None,
        tell: Callable[[str], None] = _no_telling,
    ) -> WatchResult:
        """Wait for the end of *flow_run_id* in job run *pid*.

        Cancelling this leaves the job run alone. *tell* gets a sentence whenever what its container waits for changes.
        """
        watch = self.add(flow_run_id, pid, pending_timeout=pending_timeout, tell=tell)
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._go_round())
        try:
            return await watch.done
        finally:
            self._watches.pop(str(pid), None)

    def add(
        self,
        flow_run_id: UUID,
        pid: InfrastructurePid,
        *,
        pending_timeout: float | None,
        tell: Callable[[str], None] = _no_telling,
    ) -> WatchedRun:
        """Put a flow run under watch."""
        now = self._clock()
        watch = WatchedRun(
            flow_run_id=flow_run_id,
            pid=pid,
            began_at=now,
            pending_timeout=pending_timeout,
            next_poll=now + self._intervals.first_look_seconds,
            tell=tell,
            done=asyncio.get_running_loop().create_future(),
        )
        self._watches[str(pid)] = watch
        return watch

    async def close(self) -> None:
        """Stop looking. The job runs go on."""
        if self._rounds is not None:
            self._rounds.cancel()
            await asyncio.gather(self._rounds, return_exceptions=True)

    async def _go_round(self) -> None:
        """Ask Prefect while there is something to watch; look at Northflank beside it, which may not answer for long."""
        looking = asyncio.create_task(self._look_again_and_again())
        try:
            while self._watches:
                await self._try("ask Prefect about flow runs", self.ask)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _look_again_and_again(self) -> None:
        while True:
            await self._try("look at Northflank", self.look_around)

    async def _try(self, task: str, step: Callable[[], Awaitable[None]]) -> None:
        # The monitor must outlive whatever one round meets: its end would leave every run unwatched.
        with self._problems.survive(task):
            await step()
        await asyncio.sleep(self._intervals.poll_seconds)

    async def ask(self) -> None:
        """Ask Prefect about all watches; end those that are over."""
        asked = self._open()
        self._judge(asked, await self._records.read({watch.flow_run_id for watch in asked}))

    async def look_around(self) -> None:
        """Look at those that are due."""
        for look in polls_due(self._open(), now=self._clock()):
            await self._look(look)

    def _open(self) -> Sequence[WatchedRun]:
        return [watch for watch in self._watches.values() if not watch.done.done()]

    def _judge(self, asked: Sequence[WatchedRun], found: Mapping[UUID, FlowRunRecord]) -> None:
        for watch in (watch for watch in asked if not watch.done.done()):
            record = found.get(watch.flow_run_id)
            outcome = outcome_of(
                watch, record, now=self._clock(), grace=self._intervals.grace_seconds
            )
            if outcome is not None:
                watch.done.set_result(WatchResult(outcome=outcome, run=watch.run, record=record))
            elif record is not None:
                watch.pending = record.state is StateType.PENDING
                watch.recorded = watch.recorded or record.pid == str(watch.pid)
                self._hurry(watch, record)

    def _hurry(self, watch: WatchedRun, record: FlowRunRecord) -> None:
        """Look soon at a container that is about to end, and go on at ease when it does not."""
        if record.state not in ABOUT_TO_END:
            watch.stirred_at = None
        elif watch.stirred_at is None:
            watch.stirred_at = watch.next_poll = self._clock()

    async def _look(self, look: Poll) -> None:
        try:
            seen = await (self._list(look) if look.lists else self._read(look))
            for watch in look.watches:
                await self._note(watch, seen.get(watch.pid.run or ""))
            await self._explain(look)
        except NoCallsLeft as later:
            self._postpone(later.seconds)
            return
        # A token that was revoked does not get better by itself, and nothing else would tell.
        except NorthflankError as trouble:
            self._problems.report(f"look at job runs in {self._project.id}", trouble)
        else:
            self._problems.passed(f"look at job runs in {self._project.id}")
        self._schedule(look)

    async def _read(self, look: Poll) -> dict[str, JobRun]:
        run_id = look.watches[0].pid.run or ""
        try:
            run = await self._client.run(
                self._project, look.job, run_id, purpose=Purpose.MONITORING
            )
        except NotFound:
            return {}
        return {run_id: run}

    async def _list(self, look: Poll) -> dict[str, JobRun]:
        wanted = {watch.pid.run for watch in look.watches}
        seen: dict[str, JobRun] = {}
        try:
            async for run in self._client.runs(self._project, look.job, purpose=Purpose.MONITORING):
                if run.id in wanted:
                    seen[run.id] = run
                if len(seen) == len(wanted):
                    break
        except NotFound:
            return {}
        return seen

    async def _note(self, watch: WatchedRun, run: JobRun | None) -> None:
        watch.run = run or watch.run
        if run is None and await self._is_gone(watch):
            watch.gone += 1
        elif run is not None:
            watch.gone = 0
        if watch.gone >= _GONE_LOOKS:
            watch.run = None
        if (run is not None and run.concluded) or watch.gone >= _GONE_LOOKS:
            watch.concluded_at = self._clock()

    async def _is_gone(self, watch: WatchedRun) -> bool:
        """Whether the run is not there although its project is: a project we may not see says nothing of its runs."""
        try:
            await self._client.run(
                self._project, watch.pid.job, watch.pid.run or "", purpose=Purpose.MONITORING
            )
        except NotFound:
            await self._client.project_name(self._project, purpose=Purpose.MONITORING)
            return True
        return False

    async def _explain(self, look: Poll) -> None:
        """Say what containers wait for whose flow runs have not begun; a few of them, for each is a call."""
        waiting = [watch for watch in look.watches if watch.pending and watch.concluded_at is None]
        for watch in waiting[:_EXPLAINED_AT_ONCE]:
            containers = await self._client.containers(
                self._project, watch.pid.job, watch.pid.run or ""
            )
            words = waiting_for(containers)
            if words != watch.waits_for:
                watch.waits_for = words
                watch.tell(words)

    def _schedule(self, look: Poll) -> None:
        now = self._clock()
        calls = calls_to_poll_all(self._open())
        for watch in look.watches:
            watch.next_poll = now + seconds_to_next_poll(
                age=now - (watch.stirred_at or watch.began_at),
                calls=calls,
                seconds_per_call=self._client.budget.seconds_per_call(),
                intervals=self._intervals,
            )

    def _postpone(self, seconds: float) -> None:
        until = self._clock() + min(seconds, self._intervals.longest_look_seconds)
        for watch in self._open():
            watch.next_poll = max(watch.next_poll, until)
