"""A watched flow run, and what Prefect's record and Northflank's job run mean together: pure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from uuid import UUID

from prefect.client.schemas.objects import StateType

from prefect_northflank.api.responses import JobRun
from prefect_northflank.records.flow_runs import FlowRunRecord, parse_pid
from prefect_northflank.records.infrastructure_pid import InfrastructurePid


class WatchOutcome(str, Enum):
    """Why a watch ended."""

    FINISHED = "finished"
    """The flow run has a final state in Prefect."""
    FORGOTTEN = "forgotten"
    """The flow run was deleted in Prefect."""
    SUPERSEDED = "superseded"
    """The flow run was submitted again and has another job run."""
    RESCHEDULED = "rescheduled"
    """The container handed the flow run back to its work pool."""
    SUSPENDED = "suspended"
    """The container ended because the flow run is suspended."""
    CANCELLED = "cancelled"
    """The container ended while the flow run was being cancelled."""
    CANCELLED_EARLY = "cancelled early"
    """The flow run is being cancelled before it began, so nothing in the container can do that."""
    NEVER_BEGAN = "never began"
    """The container ended before the flow run began."""
    DIED = "died"
    """The container ended while the flow run was running."""
    PENDING_TOO_LONG = "pending too long"
    """The flow run did not begin within its pending timeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchResult:
    """How a watch ended: the job run as last seen (None: never seen, or gone), and the record it was judged by."""

    outcome: WatchOutcome
    run: JobRun | None
    record: FlowRunRecord | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the container is known to have ended."""
        return self.run is not None and self.run.concluded

    def job_is_in_use(self, pid: InfrastructurePid) -> bool:
        """Return whether another run of *pid*'s job serves the flow run now."""
        current = parse_pid(self.record.pid) if self.record is not None else None
        same_job = current is None or current.job == pid.job
        return self.outcome is WatchOutcome.SUPERSEDED and same_job


@dataclass(slots=True, kw_only=True, eq=False)
class WatchedRun:
    """The state of one watch. Times are seconds of the monitor's clock."""

    flow_run_id: UUID
    pid: InfrastructurePid
    began_at: float
    pending_timeout: float | None
    next_poll: float
    done: asyncio.Future[WatchResult] = field(repr=False)
    report_waiting: Callable[[str], None] = field(repr=False)
    """Called with a sentence whenever the container waits for something else."""
    next_explanation: float = 0.0
    """Before then it is not asked what the container waits for."""
    run: JobRun | None = None
    """The job run as last seen."""
    missing_polls: int = 0
    """Consecutive polls that did not find the run."""
    concluded_at: float | None = None
    """When a poll found the run concluded, or gone for good."""
    about_to_end_since: float | None = None
    """When Prefect's state became one in which the container normally ends soon (`ABOUT_TO_END`)."""
    pending: bool = False
    """Whether the flow run was PENDING when Prefect was last asked."""
    waiting_for: str = ""
    """What was last reported about the container's wait."""
    recorded: bool = False
    """Whether Prefect's record has shown `pid`."""


ABOUT_TO_END = frozenset({StateType.SCHEDULED, StateType.PAUSED, StateType.CANCELLING})
"""States whose container normally ends soon: worth an early poll."""


def outcome_of(
    watch: WatchedRun, record: FlowRunRecord | None, *, now: float, grace: float
) -> WatchOutcome | None:
    """Return why the watch is over, or None while it goes on. *record* is fresh, the last poll may be older.

    A concluded job run counts only *grace* seconds later: its last state may still be on the way to Prefect.
    """
    if record is None:
        return WatchOutcome.FORGOTTEN
    if watch.recorded and record.pid is not None and record.pid != str(watch.pid):
        return WatchOutcome.SUPERSEDED
    if record.is_final:
        return WatchOutcome.FINISHED
    if watch.concluded_at is None:
        return _while_active(watch, record, now=now)
    # The container itself has handed a SCHEDULED flow run back to its work pool: no other state is on the way.
    settled = record.state is StateType.SCHEDULED or now >= watch.concluded_at + grace
    return _after_end(record) if settled else None


def _while_active(watch: WatchedRun, record: FlowRunRecord, *, now: float) -> WatchOutcome | None:
    if record.state is StateType.CANCELLING and not record.began:
        return WatchOutcome.CANCELLED_EARLY
    timeout = watch.pending_timeout
    waited_too_long = timeout is not None and now >= watch.began_at + timeout
    return (
        WatchOutcome.PENDING_TOO_LONG
        if waited_too_long and record.state is StateType.PENDING
        else None
    )


def _after_end(record: FlowRunRecord) -> WatchOutcome:
    match record.state:
        case StateType.SCHEDULED:
            return WatchOutcome.RESCHEDULED
        case StateType.PAUSED:
            return WatchOutcome.SUSPENDED
        case StateType.PENDING:
            return WatchOutcome.NEVER_BEGAN
        case StateType.CANCELLING:
            return WatchOutcome.CANCELLED
        case StateType.RUNNING:
            return WatchOutcome.DIED
        case StateType.COMPLETED | StateType.FAILED | StateType.CRASHED | StateType.CANCELLED:
            return WatchOutcome.FINISHED
