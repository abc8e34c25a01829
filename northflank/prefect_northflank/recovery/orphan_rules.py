"""Which flow runs nobody watches, and what they need: pure, from Prefect's records."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, StateType

from prefect_northflank.records.flow_runs import OWNER_LABEL, parsed


class RecoveryAction(str, Enum):
    """What a flow run without a watcher needs."""

    NOTHING = "nothing"
    WATCHER = "watcher"
    """It has a job run."""
    SEARCH = "search"
    """It is RUNNING or CANCELLING; the job run, if there is one, was not recorded."""
    START = "start"
    """It is PENDING, and its worker did not live to record a job run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolWorkers:
    """Who works on the pool."""

    me: str
    online: Collection[str]
    """Workers with a fresh heartbeat."""
    in_hand: Collection[object]
    """Ids of the flow runs this process is busy with."""


@dataclass(slots=True)
class Backoff:
    """Spaces out what comes to nothing: a flow run that looks as it did the last time is let be for longer each time."""

    first_wait: float
    """Seconds until the second attempt."""
    longest_wait: float
    _made: dict[UUID, _Attempt] = field(default_factory=dict)

    def is_due(self, flow_run: FlowRun, *, now: float) -> bool:
        """Whether to try now; *now* in seconds of any clock."""
        last = self._made.get(flow_run.id)
        return last is None or last.looks != _looks(flow_run) or now >= last.next_at

    def note(self, flow_run: FlowRun, *, now: float) -> None:
        """Count an attempt."""
        last, looks = self._made.get(flow_run.id), _looks(flow_run)
        again = last is not None and last.looks == looks
        wait = min(last.wait * 2, self.longest_wait) if last and again else self.first_wait
        self._made[flow_run.id] = _Attempt(looks=looks, wait=wait, next_at=now + wait)

    def forget_all_but(self, flow_runs: Collection[FlowRun]) -> None:
        """Forget the flow runs that are over."""
        for flow_run_id in set(self._made) - {it.id for it in flow_runs}:
            del self._made[flow_run_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    looks: tuple[object, ...]
    wait: float
    next_at: float


def _looks(flow_run: FlowRun) -> tuple[object, ...]:
    return (flow_run.state_id, flow_run.infrastructure_pid)


def is_orphaned(flow_run: FlowRun, workers: PoolWorkers) -> bool:
    """Whether *flow_run* is in nobody's hands, or was in those of an earlier life of this worker."""
    owner = flow_run.labels.get(OWNER_LABEL)
    another_works_on_it = owner != workers.me and owner in workers.online
    return flow_run.id not in workers.in_hand and not another_works_on_it


def action_for(
    flow_run: FlowRun, workers: PoolWorkers, *, now: datetime, settle: timedelta
) -> RecoveryAction:
    """Return what *flow_run* (PENDING, RUNNING or CANCELLING) needs from this worker."""
    if not is_orphaned(flow_run, workers):
        return RecoveryAction.NOTHING
    pid = parsed(flow_run.infrastructure_pid)
    if pid is not None and pid.run is not None:
        return RecoveryAction.WATCHER
    # Young ones may be in the hands of a worker that has not come to write its name yet.
    if flow_run.state is None or now - flow_run.state.timestamp < settle:
        return RecoveryAction.NOTHING
    if flow_run.state.type is StateType.PENDING:
        return RecoveryAction.START
    of_another_kind = pid is None and flow_run.infrastructure_pid is not None
    return RecoveryAction.NOTHING if of_another_kind else RecoveryAction.SEARCH
