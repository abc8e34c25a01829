"""One flow run under watch, and what its two sides (Prefect's record, Northflank's run) mean together: pure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from uuid import UUID

from prefect.client.schemas.objects import StateType

from prefect_northflank.api.responses import JobRun
from prefect_northflank.records.flow_runs import FlowRunRecord, parsed
from prefect_northflank.records.infrastructure_pid import InfrastructurePid


class WatchOutcome(str, Enum):
    """Why a watch ended."""

    FINISHED = "finished"
    """Prefect knows how the flow run ended."""
    FORGOTTEN = "forgotten"
    """Prefect no longer knows the flow run."""
    SUPERSEDED = "superseded"
    """The flow run was submitted again and has another job run."""
    RESCHEDULED = "rescheduled"
    """The container gave the flow run back to its work pool."""
    SUSPENDED = "suspended"
    """The container ended because the flow run is suspended."""
    CANCELLED = "cancelled"
    """The container ended while the flow run was being cancelled."""
    CANCELLED_EARLY = "cancelled early"
    """The flow run is being cancelled, and nothing in the container can do it: it has not begun."""
    NEVER_BEGAN = "never began"
    """The container ended before the flow run began."""
    DIED = "died"
    """The container ended while the flow run was running."""
    PENDING_TOO_LONG = "pending too long"
    """The container has not begun the flow run within its pending time-out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchResult:
    """How a watch ended; `run` is the job run as last seen (None: never seen, or gone), `record` what Prefect said."""

    outcome: WatchOutcome
    run: JobRun | None
    record: FlowRunRecord | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the container is known to have ended."""
        return self.run is not None and self.run.concluded

    def job_lives_on(self, pid: InfrastructurePid) -> bool:
        """Whether another run of *pid*'s job serves the flow run now."""
        now = parsed(self.record.pid) if self.record is not None else None
        return self.outcome is WatchOutcome.SUPERSEDED and (now is None or now.job == pid.job)


@dataclass(slots=True, kw_only=True, eq=False)
class WatchedRun:
    """The changing state of one watched flow run. Times are seconds of the monitor's clock."""

    flow_run_id: UUID
    pid: InfrastructurePid
    began_at: float
    pending_timeout: float | None
    next_poll: float
    done: asyncio.Future[WatchResult] = field(repr=False)
    tell: Callable[[str], None] = field(repr=False)
    """Tells people what the container waits for."""
    run: JobRun | None = None
    """The job run as last seen."""
    gone: int = 0
    """Looks in a row that did not find the run."""
    concluded_at: float | None = None
    """When a look first found it concluded or gone for good."""
    stirred_at: float | None = None
    """When Prefect's state last became one in which the container is about to end (SCHEDULED, PAUSED, CANCELLING)."""
    pending: bool = False
    """Whether the flow run was PENDING when Prefect was last asked."""
    waits_for: str = ""
    """What the container was last said to wait for."""
    recorded: bool = False
    """Whether Prefect's record has shown our own pid."""


ABOUT_TO_END = frozenset({StateType.SCHEDULED, StateType.PAUSED, StateType.CANCELLING})
"""States whose container normally ends soon: worth an early look."""


def outcome_of(
    watch: WatchedRun, record: FlowRunRecord | None, *, now: float, grace: float
) -> WatchOutcome | None:
    """Return why the watch is over, or None while it goes on. *record* is fresh, the look may be older.

    A concluded container is believed only *grace* seconds later: its last state may still be on the way to Prefect.
    """
    if record is None:
        return WatchOutcome.FORGOTTEN
    if watch.recorded and record.pid is not None and record.pid != str(watch.pid):
        return WatchOutcome.SUPERSEDED
    if record.is_final:
        return WatchOutcome.FINISHED
    if watch.concluded_at is None:
        return _beside_the_container(watch, record, now=now)
    # A flow run that is back in its work pool was put there by the container itself: nothing is on the way.
    settled = record.state is StateType.SCHEDULED or now >= watch.concluded_at + grace
    return _after_the_container(record) if settled else None


def _beside_the_container(
    watch: WatchedRun, record: FlowRunRecord, *, now: float
) -> WatchOutcome | None:
    if record.state is StateType.CANCELLING and not record.began:
        return WatchOutcome.CANCELLED_EARLY
    patience = watch.pending_timeout
    waited_too_long = patience is not None and now >= watch.began_at + patience
    return (
        WatchOutcome.PENDING_TOO_LONG
        if waited_too_long and record.state is StateType.PENDING
        else None
    )


def _after_the_container(record: FlowRunRecord) -> WatchOutcome:
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
