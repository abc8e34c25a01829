"""Tells Prefect how a container ended if the flow run could not say so itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from prefect.client.schemas.objects import StateType
from prefect.states import Cancelled, Crashed

from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.plans import PUBLISHED, Plan, published
from prefect_northflank.api.responses import Container, ContainerMetrics, LogLine, RunStatus
from prefect_northflank.errors import NorthflankError, NotFound
from prefect_northflank.flow_run.submission import FlowRunSubmission
from prefect_northflank.job.settings import DEFAULT_IMAGE
from prefect_northflank.loggers import LoggerOrAdapter
from prefect_northflank.records.flow_runs import FlowRunRecords
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.records.usage import labels_of
from prefect_northflank.watch.exit_cause import Evidence, hit_deadline, was_full
from prefect_northflank.watch.exit_reason import out_of_memory, reason
from prefect_northflank.watch.watched_run import WatchOutcome, WatchResult

LAST_LINES = 25
"""Lines of container output that go with a crash."""

MAX_LINE_LENGTH = 1_000
"""Characters of each line that are logged: a line may have 16 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitDetails:
    """Why a container ended, and the last lines it wrote."""

    reason: str
    lines: Sequence[LogLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingReport:
    """The report on one flow run whose watch has ended."""

    submission: FlowRunSubmission
    pid: InfrastructurePid
    result: WatchResult
    client: NorthflankClient
    records: FlowRunRecords
    log: LoggerOrAdapter

    async def send(self) -> None:
        """Bring Prefect's state in line with what happened to the container."""
        outcome = self.result.outcome
        match outcome:
            case WatchOutcome.NEVER_BEGAN | WatchOutcome.DIED | WatchOutcome.PENDING_TOO_LONG:
                details = await self.exit_details()
                if outcome is WatchOutcome.PENDING_TOO_LONG:
                    await self._abort()
                await self._propose_crashed(details)
            case WatchOutcome.CANCELLED_EARLY:
                await self._abort()
                await self._propose_cancelled("Cancelled before the flow run began.")
            case WatchOutcome.CANCELLED:
                await self._propose_cancelled("The container ended while cancelling.")
            case WatchOutcome.RESCHEDULED if hit_deadline(self.result.run, self._deadline):
                # The deadline's SIGTERM made the flow hand itself back. Executed again, it would only run into the
                # deadline again, forever.
                await self._propose_crashed(await self.exit_details())
            case WatchOutcome.FINISHED if self._has_crashed:
                await self._explain_crash()
            case (
                WatchOutcome.FINISHED
                | WatchOutcome.FORGOTTEN
                | WatchOutcome.SUPERSEDED
                | WatchOutcome.RESCHEDULED
                | WatchOutcome.SUSPENDED
            ):
                return

    @property
    def _has_crashed(self) -> bool:
        record = self.result.record
        return record is not None and record.state is StateType.CRASHED

    async def _explain_crash(self) -> None:
        """Log that memory ran out, if it did, where the container lived to report the crash itself.

        The kernel may kill only the largest process of a container. Prefect's then reports that it was killed, but
        knows neither the plan nor what it used.
        """
        wanted = self.submission.configuration
        plan = published(wanted.plan_by(PUBLISHED))
        evidence = self._evidence(plan, await self._used(plan))
        if was_full(evidence):
            self.log.error("Job run %s: %s.", self.pid.run, out_of_memory(evidence))

    def _evidence(self, plan: Plan, used: ContainerMetrics) -> Evidence:
        wanted = self.submission.configuration
        return Evidence(
            run=self.result.run,
            containers=(),
            lines=(),
            deadline_seconds=self._deadline,
            plan=plan,
            image=wanted.deployment_external_image_path or DEFAULT_IMAGE,
            peak_mb=used.memory_mb,
        )

    async def exit_details(self) -> ExitDetails:
        """Ask Northflank why the container ended; leave out what it does not answer now."""
        run, pid, wanted = self.result.run, self.pid, self.submission.configuration
        containers: Sequence[Container] = ()
        lines: Sequence[LogLine] = ()
        if run is not None:
            try:
                containers = await self.client.containers(pid.project, pid.job, run.id)
                lines = await self.client.log_lines(pid.project, pid.job, run.id, last=LAST_LINES)
            except NorthflankError as error:
                lines = [*lines, LogLine(text=f"(more could not be read: {error})", at="")]
        plan = published(wanted.plan_by(PUBLISHED))
        evidence = replace(
            self._evidence(plan, await self._used(plan)),
            containers=containers,
            lines=lines,
            tasks=await self._running_tasks(),
        )
        why = reason(evidence)
        if self.result.outcome is WatchOutcome.PENDING_TOO_LONG:
            seconds = wanted.pending_timeout_seconds
            why = f"it did not begin within pending_timeout_seconds ({seconds} s): {why}"
        return ExitDetails(reason=why, lines=lines)

    async def _used(self, plan: Plan) -> ContainerMetrics:
        """Ask Northflank once what a container used that was killed, and keep it with the flow run."""
        run, pid = self.result.run, self.pid
        if pid.run is None or (run is not None and run.status is RunStatus.SUCCESS):
            return ContainerMetrics()
        try:
            used = await self.client.metrics(pid.project, pid.job, pid.run, seen=run)
        # What it used is worth a call, but not a wait for one: the report is more important.
        except NorthflankError as error:
            self.log.info("What the container used could not be read: %s", error)
            return ContainerMetrics()
        if labels := labels_of(used, plan):
            try:
                await self.records.write_labels(self.submission.flow_run.id, labels)
            except Exception as error:  # noqa: BLE001  Prefect may raise anything; the report does not depend on it
                self.log.info("What the container used could not be recorded: %r", error)
        return used

    async def _running_tasks(self) -> Sequence[str]:
        """Return the tasks that the end of the container interrupted."""
        if self.result.outcome is not WatchOutcome.DIED:
            return ()
        try:
            return await self.records.running_tasks(self.submission.flow_run.id)
        except Exception as error:  # noqa: BLE001  as above
            self.log.info("The tasks that were running could not be read: %r", error)
            return ()

    @property
    def _deadline(self) -> int | None:
        return self.submission.configuration.settings_active_deadline_seconds

    async def _propose_cancelled(self, message: str) -> None:
        await self.records.propose(self.submission.flow_run.id, Cancelled(message=message))

    async def _propose_crashed(self, details: ExitDetails) -> None:
        """Propose Crashed, unless the flow run has got another state or job run while the reason was looked for."""
        flow_run_id = self.submission.flow_run.id
        record = (await self.records.read([flow_run_id])).get(flow_run_id)
        judged = self.result.record
        if record is None or (record.state, record.pid) != (judged and judged.state, str(self.pid)):
            return
        written = "\n".join(line.text[:MAX_LINE_LENGTH] for line in details.lines)
        if written:
            self.log.error("Last lines of job run %s:\n%s", self.pid.run, written)
        message = f"Northflank job run {self.pid.run} of {self.pid.job}: {details.reason}."
        await self.records.propose(flow_run_id, Crashed(message=message))

    async def _abort(self) -> None:
        if self.pid.run is None:
            return
        try:
            await self.client.abort_run(self.pid.project, self.pid.job, self.pid.run)
        except NotFound:
            return
        # The report goes on: without it, workers would take the flow run over and end it in this way again and again.
        # A container that begins after all finds that its claim is no longer the last state.
        except NorthflankError as error:
            self.log.warning("Could not abort job run %s: %s", self.pid.run, error)
