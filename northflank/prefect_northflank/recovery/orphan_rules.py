"""Which flow runs have no worker, and what is done about each: pure, from Prefect's records."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, StateType

from prefect_northflank.records.flow_runs import OWNER_LABEL, parse_pid


class RecoveryAction(str, Enum):
    """What is done about a flow run without a worker."""

    NOTHING = "nothing"
    WATCH = "watch"
    """It has a job run, which is watched from now on."""
    SEARCH = "search"
    """It is RUNNING or CANCELLING; its job run, if there is one, was not recorded and is searched for."""
    START = "start"
    """It is PENDING, and its worker died before it could record a job run; it is started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolWorkers:
    """The workers of the pool, as one of them sees them."""

    me: str
    online: Collection[str]
    """Workers with a fresh heartbeat."""
    in_hand: Collection[object]
    """Ids of the flow runs that this process is busy with."""


@dataclass(slots=True)
class Backoff:
    """Spaces out attempts at a flow run that has not changed: the wait doubles each time."""

    first_wait: float
    """Seconds until the second attempt."""
    longest_wait: float
    _made: dict[UUID, _Attempt] = field(default_factory=dict)

    def is_due(self, flow_run: FlowRun, *, now: float) -> bool:
        """Return whether to try now; *now* is in seconds of any clock."""
        last = self._made.get(flow_run.id)
        return last is None or last.version != _version(flow_run) or now >= last.next_at

    def note(self, flow_run: FlowRun, *, now: float) -> None:
        """Count an attempt."""
        last, version = self._made.get(flow_run.id), _version(flow_run)
        again = last is not None and last.version == version
        wait = min(last.wait * 2, self.longest_wait) if last and again else self.first_wait
        self._made[flow_run.id] = _Attempt(version=version, wait=wait, next_at=now + wait)

    def forget_all_but(self, flow_runs: Collection[FlowRun]) -> None:
        """Forget the attempts at all other flow runs."""
        for flow_run_id in set(self._made) - {it.id for it in flow_runs}:
            del self._made[flow_run_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    version: tuple[object, ...]
    wait: float
    next_at: float


def _version(flow_run: FlowRun) -> tuple[object, ...]:
    """Return what changes when something happens to the flow run."""
    return (flow_run.state_id, flow_run.infrastructure_pid)


def is_orphaned(flow_run: FlowRun, workers: PoolWorkers) -> bool:
    """Return whether no worker deals with *flow_run*: not another one that is online, and not this process."""
    owner = flow_run.labels.get(OWNER_LABEL)
    another_works_on_it = owner != workers.me and owner in workers.online
    return flow_run.id not in workers.in_hand and not another_works_on_it


def action_for(
    flow_run: FlowRun, workers: PoolWorkers, *, now: datetime, settle: timedelta
) -> RecoveryAction:
    """Return what this worker does about *flow_run*, which is PENDING, RUNNING or CANCELLING."""
    if not is_orphaned(flow_run, workers):
        return RecoveryAction.NOTHING
    pid = parse_pid(flow_run.infrastructure_pid)
    if pid is not None and pid.run is not None:
        return RecoveryAction.WATCH
    # A worker that has just taken the flow run may not have written its name yet.
    if flow_run.state is None or now - flow_run.state.timestamp < settle:
        return RecoveryAction.NOTHING
    if flow_run.state.type is StateType.PENDING:
        return RecoveryAction.START
    of_another_worker_type = pid is None and flow_run.infrastructure_pid is not None
    return RecoveryAction.NOTHING if of_another_worker_type else RecoveryAction.SEARCH
