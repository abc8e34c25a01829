"""One flow run under watch, and what its two sides (Prefect's record, Northflank's run) mean together: pure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from uuid import UUID

from prefect.client.schemas.objects import StateType

from prefect_northflank.api.answers import JobRun
from prefect_northflank.records.flow_runs import Record, parsed
from prefect_northflank.records.pid import InfrastructurePid


class Fate(str, Enum):
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
class Ending:
    """How a watch ended; `run` is the job run as last seen (None: never seen, or gone), `record` what Prefect said."""

    fate: Fate
    run: JobRun | None
    record: Record | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the container is known to have ended."""
        return self.run is not None and self.run.concluded

    def job_lives_on(self, pid: InfrastructurePid) -> bool:
        """Whether another run of *pid*'s job serves the flow run now."""
        now = parsed(self.record.pid) if self.record is not None else None
        return self.fate is Fate.SUPERSEDED and (now is None or now.job == pid.job)


@dataclass(slots=True, kw_only=True, eq=False)
class Watch:
    """The changing state of one watched flow run. Times are seconds of the monitor's clock."""

    flow_run_id: UUID
    pid: InfrastructurePid
    began_at: float
    pending_timeout: float | None
    next_look: float
    done: asyncio.Future[Ending] = field(repr=False)
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


def verdict(watch: Watch, record: Record | None, *, now: float, grace: float) -> Fate | None:
    """Return why the watch is over, or None while it goes on. *record* is fresh, the look may be older.

    A concluded container is believed only *grace* seconds later: its last state may still be on the way to Prefect.
    """
    if record is None:
        return Fate.FORGOTTEN
    if watch.recorded and record.pid is not None and record.pid != str(watch.pid):
        return Fate.SUPERSEDED
    if record.is_final:
        return Fate.FINISHED
    if watch.concluded_at is None:
        return _beside_the_container(watch, record, now=now)
    # A flow run that is back in its work pool was put there by the container itself: nothing is on the way.
    settled = record.state is StateType.SCHEDULED or now >= watch.concluded_at + grace
    return _after_the_container(record) if settled else None


def _beside_the_container(watch: Watch, record: Record, *, now: float) -> Fate | None:
    if record.state is StateType.CANCELLING and not record.began:
        return Fate.CANCELLED_EARLY
    patience = watch.pending_timeout
    waited_too_long = patience is not None and now >= watch.began_at + patience
    return Fate.PENDING_TOO_LONG if waited_too_long and record.state is StateType.PENDING else None


def _after_the_container(record: Record) -> Fate:
    match record.state:
        case StateType.SCHEDULED:
            return Fate.RESCHEDULED
        case StateType.PAUSED:
            return Fate.SUSPENDED
        case StateType.PENDING:
            return Fate.NEVER_BEGAN
        case StateType.CANCELLING:
            return Fate.CANCELLED
        case StateType.RUNNING:
            return Fate.DIED
        case StateType.COMPLETED | StateType.FAILED | StateType.CRASHED | StateType.CANCELLED:
            return Fate.FINISHED
