"""Watches all flow runs of one project: reads Prefect's states first, then polls Northflank within its rate budget."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic
from uuid import UUID

from prefect.client.schemas.objects import StateType

from prefect_northflank.api.budget import Purpose
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import JobRun, Project
from prefect_northflank.errors import NoCallsLeft, NorthflankError, NotFound
from prefect_northflank.intervals import Intervals
from prefect_northflank.loggers import LoggerOrAdapter
from prefect_northflank.records.flow_runs import FlowRunRecord, RecordReader
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.records.repeated_problems import RepeatedProblems
from prefect_northflank.watch.poll_schedule import (
    Poll,
    calls_to_poll_all,
    polls_due,
    seconds_to_next_poll,
)
from prefect_northflank.watch.waiting_reports import WaitingReports
from prefect_northflank.watch.watched_run import ABOUT_TO_END, WatchedRun, WatchResult, outcome_of

_POLLS_UNTIL_GONE = 2
"""Consecutive polls without the run before it counts as deleted: one response may come from a stale replica."""


def _no_report(_: str) -> None:
    """Leave what a container waits for unreported."""


class Monitor:
    """Watches flow runs until each has a result; what follows from the result is the caller's.

    No error of either API ends a watch; the next round is the retry.
    """

    def __init__(
        self,
        *,
        client: NorthflankClient,
        records: RecordReader,
        project: Project,
        intervals: Intervals,
        logger: LoggerOrAdapter,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._client = client
        self._records = records
        self._project = project
        self._intervals = intervals
        self._problems = RepeatedProblems(logger)
        self._clock = clock
        self._waiting = WaitingReports(client, project, intervals, clock)
        self._watches: dict[str, WatchedRun] = {}
        self._loop: asyncio.Task[None] | None = None

    async def watch(
        self,
        flow_run_id: UUID,
        pid: InfrastructurePid,
        *,
        pending_timeout: float | None,
        report_waiting: Callable[[str], None] = _no_report,
    ) -> WatchResult:
        """Wait for the end of *flow_run_id* in job run *pid*. Cancelling this leaves the job run alone.

        *report_waiting* gets a sentence whenever the container waits for something else.
        """
        watch = self.add(
            flow_run_id, pid, pending_timeout=pending_timeout, report_waiting=report_waiting
        )
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._run())
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
        report_waiting: Callable[[str], None] = _no_report,
    ) -> WatchedRun:
        """Add a flow run to those under watch."""
        now = self._clock()
        watch = WatchedRun(
            flow_run_id=flow_run_id,
            pid=pid,
            began_at=now,
            pending_timeout=pending_timeout,
            next_poll=now + self._intervals.first_look_seconds,
            report_waiting=report_waiting,
            done=asyncio.get_running_loop().create_future(),
        )
        self._watches[str(pid)] = watch
        return watch

    async def close(self) -> None:
        """Stop watching. The job runs go on."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def _run(self) -> None:
        """Read Prefect's states while there is something to watch; poll Northflank beside it, which may hang for long."""
        polling = asyncio.create_task(self._poll_forever())
        try:
            while self._watches:
                await self._try("ask Prefect about flow runs", self.read_states)
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)

    async def _poll_forever(self) -> None:
        while True:
            await self._try("look at Northflank", self.poll_due)

    async def _try(self, task: str, step: Callable[[], Awaitable[None]]) -> None:
        # The monitor must survive every error of one round: its end would leave all runs unwatched.
        with self._problems.survive(task):
            await step()
        await asyncio.sleep(self._intervals.poll_seconds)

    async def read_states(self) -> None:
        """Read the records of all watched flow runs; end the watches that are over."""
        asked = self._open()
        self._judge(asked, await self._records.read({watch.flow_run_id for watch in asked}))

    async def poll_due(self) -> None:
        """Make the polls that are due."""
        for poll in polls_due(self._open(), now=self._clock()):
            await self._poll(poll)

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
                self._adjust_pace(watch, record)

    def _adjust_pace(self, watch: WatchedRun, record: FlowRunRecord) -> None:
        """Poll a container soon that is about to end; return to the usual pace if it does not end."""
        if record.state not in ABOUT_TO_END:
            watch.about_to_end_since = None
        elif watch.about_to_end_since is None:
            watch.about_to_end_since = watch.next_poll = self._clock()

    async def _poll(self, poll: Poll[WatchedRun]) -> None:
        task = f"look at job runs in {self._project.id}"
        try:
            seen = await (self._list(poll) if poll.lists else self._read(poll))
            for watch in poll.runs:
                await self._note(watch, seen.get(watch.pid.run or ""))
            await self._waiting.report(poll)
        except NoCallsLeft as error:
            self._postpone(error.seconds)
            return
        # A revoked token stays revoked, and nothing else would log it.
        except NorthflankError as error:
            self._problems.report(task, error)
        else:
            self._problems.resolve(task)
        self._schedule(poll)

    async def _read(self, poll: Poll[WatchedRun]) -> dict[str, JobRun]:
        run_id = poll.runs[0].pid.run or ""
        try:
            run = await self._client.run(
                self._project, poll.job, run_id, purpose=Purpose.MONITORING
            )
        except NotFound:
            return {}
        return {run_id: run}

    async def _list(self, poll: Poll[WatchedRun]) -> dict[str, JobRun]:
        wanted = {watch.pid.run for watch in poll.runs}
        seen: dict[str, JobRun] = {}
        try:
            async for run in self._client.runs(self._project, poll.job, purpose=Purpose.MONITORING):
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
            watch.missing_polls += 1
        elif run is not None:
            watch.missing_polls = 0
        if watch.missing_polls >= _POLLS_UNTIL_GONE:
            watch.run = None
        if (run is not None and run.concluded) or watch.missing_polls >= _POLLS_UNTIL_GONE:
            watch.concluded_at = self._clock()

    async def _is_gone(self, watch: WatchedRun) -> bool:
        """Return whether the run is gone from a project that can be read; a hidden project says nothing of its runs."""
        try:
            await self._client.run(
                self._project, watch.pid.job, watch.pid.run or "", purpose=Purpose.MONITORING
            )
        except NotFound:
            await self._client.project_name(self._project, purpose=Purpose.MONITORING)
            return True
        return False

    def _schedule(self, poll: Poll[WatchedRun]) -> None:
        now = self._clock()
        calls = calls_to_poll_all(self._open())
        for watch in poll.runs:
            watch.next_poll = now + seconds_to_next_poll(
                age=now - (watch.about_to_end_since or watch.began_at),
                calls=calls,
                seconds_per_call=self._client.budget.seconds_per_call(),
                intervals=self._intervals,
            )

    def _postpone(self, seconds: float) -> None:
        until = self._clock() + min(seconds, self._intervals.longest_look_seconds)
        for watch in self._open():
            watch.next_poll = max(watch.next_poll, until)
