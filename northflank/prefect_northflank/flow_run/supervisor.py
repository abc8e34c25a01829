"""Sees a job run through: watches it, starts it again where that is safe, reports, cleans up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from prefect.client.schemas.objects import StateType
from prefect.states import Crashed

from prefect_northflank.accounts import Accounts, Log
from prefect_northflank.errors import NorthflankError, NotRecorded, TakenOver
from prefect_northflank.flow_run.ending_report import EndedRun, delete_job_of, report
from prefect_northflank.flow_run.job_run_events import emit_ended
from prefect_northflank.flow_run.submission import ClaimBasis, FlowRunSubmission, Submitter
from prefect_northflank.intervals import Intervals
from prefect_northflank.logs.stream import Streams
from prefect_northflank.records.flow_runs import FlowRunRecords
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.records.prefect_retry import retry_prefect
from prefect_northflank.start.find_job_run import JobRunSearch
from prefect_northflank.watch.watched_run import WatchOutcome, WatchResult


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRunSupervisor:
    """Follows job runs to their end for one worker."""

    name: str
    """Of the worker."""
    accounts: Accounts
    records: FlowRunRecords
    submitter: Submitter
    intervals: Intervals
    streams: Streams = field(default_factory=Streams)

    async def see_through(
        self, order: FlowRunSubmission, pid: InfrastructurePid, *, log: Log
    ) -> InfrastructurePid:
        """Watch the flow run to its end, report what Prefect cannot know, remove what is left; return its last job run.

        Raises:
            TakenOver: another worker has started it again.
        """
        pid, ending = await self._to_the_end(order, pid, log)
        starts_left = order.configuration.settings_backoff_limit
        while (
            ending.outcome is WatchOutcome.NEVER_BEGAN
            and starts_left > 0
            and not self._has_lost(ending)
        ):
            starts_left -= 1
            log.warning(
                "Job run %s ended before the flow run began; starting another (%d left).",
                pid.run,
                starts_left,
            )
            again = await self._start_again(order, pid, ending, log)
            await self._clean_up(order, pid, ending, log)
            if again is None:
                return pid
            pid, ending = await self._to_the_end(order, again, log)
        if not self._has_lost(ending):
            client = self.accounts.account(order.configuration.access()).client
            case = EndedRun(
                flow_run=order.flow_run, configuration=order.configuration, pid=pid, ending=ending
            )
            await report(case, client=client, records=self.records, logger=log)
            await self._clean_up(order, pid, ending, log)
        return pid

    async def _to_the_end(
        self, order: FlowRunSubmission, pid: InfrastructurePid, log: Log
    ) -> tuple[InfrastructurePid, WatchResult]:
        """Watch the job run that executes the flow run, though Prefect may remember another one."""
        while True:
            ending = await self._unless_it_was_over(order, await self._watch(order, pid, log), log)
            emit_ended(order.configuration, pid, ending)
            really = None if self._has_lost(ending) else await self._really(order, pid, ending, log)
            if really is None:
                return pid, ending
            log.info("The flow run is executed by job run %s, whatever was recorded.", really.run)
            await self.records.write_pid(order.flow_run.id, str(really))
            pid = really

    async def _really(
        self, order: FlowRunSubmission, pid: InfrastructurePid, ending: WatchResult, log: Log
    ) -> InfrastructurePid | None:
        """Return the job run that executes the flow run if the record misled the watch; None if it has ended."""
        patience = self.accounts.patience(log.warning)
        client = self.accounts.account(order.configuration.access()).client
        search = JobRunSearch(client=client, records=self.records, gated=order.configuration.gated)
        match ending.outcome:
            case WatchOutcome.NEVER_BEGAN | WatchOutcome.DIED:
                return await patience.through(
                    lambda: search.executing(order.flow_run, pid, ending.run)
                )
            # What an earlier worker wished to record may arrive after what we have recorded.
            case WatchOutcome.SUPERSEDED if await patience.through(
                lambda: search.is_executed_by(order.flow_run, pid)
            ):
                return pid
            case _:
                return None

    async def _unless_it_was_over(
        self, order: FlowRunSubmission, ending: WatchResult, log: Log
    ) -> WatchResult:
        """Return *ending*, corrected if the flow run is PENDING only because of a request that came after its end."""
        if ending.record is None or ending.record.state is not StateType.PENDING:
            return ending
        ended = await retry_prefect(lambda: self.records.put_back(order.flow_run.id))
        if ended is None:
            return ending
        log.info(
            "A request that came late had made this flow run Pending; it is %s again.", ended.name
        )
        return replace(ending, outcome=WatchOutcome.FINISHED)

    async def _start_again(
        self, order: FlowRunSubmission, pid: InfrastructurePid, ending: WatchResult, log: Log
    ) -> InfrastructurePid | None:
        """Start another job run and return it; None if there can be none, which Prefect is told."""
        if ending.record is None or ending.record.state_id is None:
            message = "an ending before the flow began comes with the state it was judged by"
            raise RuntimeError(message)
        before = ClaimBasis(state=ending.record.state_id, start=pid)
        try:
            return await self.submitter.submit(order, before, log=log)
        except (TakenOver, NotRecorded):
            raise
        # Unreported, the flow run would be found unwatched, taken over and started again, round after round.
        except NorthflankError as error:
            message = f"Job run {pid.run} ended before the flow run began, and no other could be started: {error}"
            await self.records.propose(order.flow_run.id, Crashed(message=message))
            return None

    def _has_lost(self, ending: WatchResult) -> bool:
        """Whether another worker took the flow run over while we were out of touch: what follows is its business."""
        owner = ending.record.owner if ending.record is not None else None
        return owner not in (None, self.name) and ending.outcome is not WatchOutcome.SUPERSEDED

    async def _clean_up(
        self, order: FlowRunSubmission, pid: InfrastructurePid, ending: WatchResult, log: Log
    ) -> None:
        if not order.configuration.cleanup_job or ending.job_lives_on(pid):
            return
        client = self.accounts.account(order.configuration.access()).client
        try:
            await delete_job_of(
                client, pid, ended=ending.has_ended, patience=self.intervals.clean_up_seconds
            )
        except NorthflankError as error:
            # The flow run is over and reported: a job that stays is the janitor's, not a failure of the run.
            log.warning("Job %s is left for later: %s", pid.job, error)

    async def _watch(
        self, order: FlowRunSubmission, pid: InfrastructurePid, log: Log
    ) -> WatchResult:
        access = order.configuration.access()
        monitor = self.accounts.monitor(access, pid.project, self.records)
        watching = monitor.watch(
            order.flow_run.id,
            pid,
            pending_timeout=order.configuration.pending_timeout_seconds,
            tell=log.info,
        )
        if not order.configuration.stream_output:
            return await watching
        client = self.accounts.account(access).client
        async with self.streams.of(client.access, pid, logger=log):
            return await watching
