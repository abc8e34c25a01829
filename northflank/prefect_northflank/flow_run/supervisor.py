"""Follows a flow run's job run to its end: watches it, starts another where that is safe, reports, cleans up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from prefect.client.schemas.objects import StateType
from prefect.states import Crashed

from prefect_northflank.accounts import Accounts
from prefect_northflank.api.access import Access
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.errors import NorthflankError, NotRecorded, TakenOver
from prefect_northflank.flow_run.ending_report import EndingReport
from prefect_northflank.flow_run.job_cleanup import delete_ended_job
from prefect_northflank.flow_run.job_run_events import emit_ended
from prefect_northflank.flow_run.submission import ClaimBasis, FlowRunSubmission, Submitter
from prefect_northflank.intervals import Intervals
from prefect_northflank.loggers import LoggerOrAdapter
from prefect_northflank.logs.stream import Streams
from prefect_northflank.records.flow_runs import FlowRunRecords
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.records.prefect_retry import retry_prefect
from prefect_northflank.start.find_job_run import JobRunSearch
from prefect_northflank.watch.watched_run import WatchOutcome, WatchResult


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRunSupervisor:
    """Follows the flow runs of one worker."""

    worker_name: str
    accounts: Accounts
    records: FlowRunRecords
    submitter: Submitter
    intervals: Intervals
    streams: Streams = field(default_factory=Streams)

    async def supervise(
        self, submission: FlowRunSubmission, pid: InfrastructurePid, *, log: LoggerOrAdapter
    ) -> InfrastructurePid:
        """Follow the flow run to its end, report what Prefect cannot know, and clean up; return its last job run.

        Raises:
            TakenOver: another worker has started it again.
        """
        configuration = submission.configuration
        access = configuration.access()
        client = self.accounts.account(access).client
        search = JobRunSearch(client=client, records=self.records, gated=configuration.gated)
        supervision = _Supervision(
            worker=self, submission=submission, access=access, client=client, search=search, log=log
        )
        return await supervision.follow(pid)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Supervision:
    """The supervision of one flow run."""

    worker: FlowRunSupervisor
    submission: FlowRunSubmission
    access: Access
    client: NorthflankClient
    search: JobRunSearch
    log: LoggerOrAdapter

    async def follow(self, pid: InfrastructurePid) -> InfrastructurePid:
        pid, result = await self._watch_to_end(pid)
        starts_left = self.submission.configuration.settings_backoff_limit
        while (
            result.outcome is WatchOutcome.NEVER_BEGAN
            and starts_left > 0
            and not self._is_taken_over(result)
        ):
            starts_left -= 1
            self.log.warning(
                "Job run %s ended before the flow run began; starting another (%d left).",
                pid.run,
                starts_left,
            )
            restarted = await self._start_again(pid, result)
            await self._clean_up(pid, result)
            if restarted is None:
                return pid
            pid, result = await self._watch_to_end(restarted)
        if not self._is_taken_over(result):
            report = EndingReport(
                submission=self.submission,
                pid=pid,
                result=result,
                client=self.client,
                records=self.worker.records,
                log=self.log,
            )
            await report.send()
            await self._clean_up(pid, result)
        return pid

    async def _watch_to_end(self, pid: InfrastructurePid) -> tuple[InfrastructurePid, WatchResult]:
        """Watch the job run that executes the flow run, even if Prefect has recorded another one."""
        while True:
            result = await self._unless_already_ended(await self._watch(pid))
            emit_ended(self.submission.configuration, pid, result)
            executing = None
            if not self._is_taken_over(result):
                executing = await self._executing_run(pid, result)
            if executing is None:
                return pid, result
            self.log.info(
                "Job run %s executes the flow run, although another was recorded.", executing.run
            )
            await self.worker.records.write_pid(self.submission.flow_run.id, str(executing))
            pid = executing

    async def _watch(self, pid: InfrastructurePid) -> WatchResult:
        configuration = self.submission.configuration
        monitor = self.worker.accounts.monitor(self.access, pid.project, self.worker.records)
        watching = monitor.watch(
            self.submission.flow_run.id,
            pid,
            pending_timeout=configuration.pending_timeout_seconds,
            report_waiting=self.log.info,
        )
        if not configuration.stream_output:
            return await watching
        async with self.worker.streams.of(self.client.access, pid, logger=self.log):
            return await watching

    async def _executing_run(
        self, pid: InfrastructurePid, result: WatchResult
    ) -> InfrastructurePid | None:
        """Return the job run that executes the flow run if the record misled the watch; None if it has ended."""
        flow_run = self.submission.flow_run
        retry = self.worker.accounts.long_retry(self.log.warning)
        match result.outcome:
            case WatchOutcome.NEVER_BEGAN | WatchOutcome.DIED:
                return await retry.call(lambda: self.search.executing(flow_run, pid, result.run))
            # What an earlier worker was about to record may arrive after what this one has recorded.
            case WatchOutcome.SUPERSEDED if await retry.call(
                lambda: self.search.is_executed_by(flow_run, pid)
            ):
                return pid
            case _:
                return None

    async def _unless_already_ended(self, result: WatchResult) -> WatchResult:
        """Return *result*, corrected if the flow run is PENDING only because a request arrived after its end."""
        if result.record is None or result.record.state is not StateType.PENDING:
            return result
        flow_run_id = self.submission.flow_run.id
        ended = await retry_prefect(lambda: self.worker.records.restore_final_state(flow_run_id))
        if ended is None:
            return result
        self.log.info(
            "A late request had set this flow run to Pending after its end; it is %s again.",
            ended.name,
        )
        return replace(result, outcome=WatchOutcome.FINISHED)

    async def _start_again(
        self, pid: InfrastructurePid, result: WatchResult
    ) -> InfrastructurePid | None:
        """Start another job run and return it; if that fails, report it to Prefect and return None."""
        if result.record is None or result.record.state_id is None:
            message = (
                "a watch that ends before the flow run began carries the state it was judged by"
            )
            raise RuntimeError(message)
        basis = ClaimBasis(state_id=result.record.state_id, earlier_start=pid)
        try:
            return await self.worker.submitter.submit(self.submission, basis, log=self.log)
        except (TakenOver, NotRecorded):
            raise
        # Without this report, workers would find the flow run unwatched and start it again, round after round.
        except NorthflankError as error:
            message = (
                f"Job run {pid.run} ended before the flow run began, "
                f"and no other could be started: {error}"
            )
            await self.worker.records.propose(self.submission.flow_run.id, Crashed(message=message))
            return None

    def _is_taken_over(self, result: WatchResult) -> bool:
        """Return whether another worker took the flow run over while this one was out of touch."""
        owner = result.record.owner if result.record is not None else None
        return (
            owner not in (None, self.worker.worker_name)
            and result.outcome is not WatchOutcome.SUPERSEDED
        )

    async def _clean_up(self, pid: InfrastructurePid, result: WatchResult) -> None:
        if not self.submission.configuration.cleanup_job or result.job_is_in_use(pid):
            return
        try:
            await delete_ended_job(
                self.client,
                pid,
                ended=result.has_ended,
                max_wait_seconds=self.worker.intervals.clean_up_seconds,
            )
        except NorthflankError as error:
            # The flow run is over and reported. A job that stays is deleted later, and is not a failure of the run.
            self.log.warning("Could not delete job %s, which is left for later: %s", pid.job, error)
