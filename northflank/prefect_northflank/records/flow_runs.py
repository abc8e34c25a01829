"""Reads flow runs from Prefect, and writes what the worker records about them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterId,
    FlowRunFilterStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort
from prefect.exceptions import Abort, ObjectNotFound, PrefectSignal
from prefect.states import Pending
from prefect.utilities.engine import propose_state

from prefect_northflank.records.claims import (
    Claim,
    covered,
    directly_follows,
    is_last,
    name_of_claim,
)
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.records.prefect_retry import is_transient

OWNER_LABEL = "prefect.worker.name"
"""Label in which Prefect's base worker records which worker submits a flow run."""

PAGE = 200
"""Most flow runs asked for at once (server setting PREFECT_SERVER_API_DEFAULT_LIMIT)."""

MISSED_BEATS = 3
"""Heartbeats a worker may miss before others take its flow runs over (the number of Prefect's own server)."""

UNFINISHED = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
"""States of a flow run that has, or should have, a container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRunRecord:
    """What Prefect said about a flow run when it was last asked."""

    state: StateType
    state_name: str
    pid: str | None
    began: bool
    """Whether it has ever been RUNNING."""
    owner: str | None = None
    """Name of the worker that submitted it."""
    state_id: UUID | None = None

    @property
    def is_final(self) -> bool:
        """Whether the flow run is over."""
        return self.state in {
            StateType.COMPLETED,
            StateType.FAILED,
            StateType.CANCELLED,
            StateType.CRASHED,
        }


class RecordReader(Protocol):
    """What the monitor needs of `FlowRunRecords`: no call to Northflank."""

    async def read(self, flow_run_ids: Collection[UUID]) -> Mapping[UUID, FlowRunRecord]:
        """Return the records of *flow_run_ids*, except those that Prefect does not know."""
        ...


class FlowRunRecords:
    """The flow runs of one work pool, read and written through Prefect's API."""

    def __init__(self, client: PrefectClient, *, pool: str) -> None:
        self._client = client
        self._pool = pool
        self._in_pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))

    async def read(self, flow_run_ids: Collection[UUID]) -> Mapping[UUID, FlowRunRecord]:
        """Return the records of *flow_run_ids*, with one call per 200."""
        ids = sorted(flow_run_ids)
        found: dict[UUID, FlowRunRecord] = {}
        for start in range(0, len(ids), PAGE):
            wanted = FlowRunFilter(id=FlowRunFilterId(any_=ids[start : start + PAGE]))
            for flow_run in await self._client.read_flow_runs(flow_run_filter=wanted, limit=PAGE):
                found[flow_run.id] = record_of(flow_run)
        return found

    async def is_scheduled(self, flow_run_id: UUID) -> bool:
        """Return whether the flow run still waits for a worker."""
        record = (await self.read([flow_run_id])).get(flow_run_id)
        return record is not None and record.state is StateType.SCHEDULED

    async def deployment_exists(self, flow_run: FlowRun) -> bool:
        """Return whether the flow run's deployment exists, or it never had one."""
        if flow_run.deployment_id is None:
            return True
        try:
            await self._client.read_deployment(flow_run.deployment_id)
        except ObjectNotFound as error:
            if is_transient(error):
                raise
            return False
        return True

    async def in_pool(self, flow_run_ids: Collection[UUID]) -> Sequence[FlowRun]:
        """Return those of *flow_run_ids* that are in this pool."""
        ids = sorted(flow_run_ids)
        found: list[FlowRun] = []
        for start in range(0, len(ids), PAGE):
            wanted = FlowRunFilter(id=FlowRunFilterId(any_=ids[start : start + PAGE]))
            found += await self._client.read_flow_runs(
                flow_run_filter=wanted, work_pool_filter=self._in_pool, limit=PAGE
            )
        return found

    async def latest(self) -> Sequence[FlowRun]:
        """Return the latest flow runs of the pool, newest first, without the scheduled ones, which may be hundreds."""
        wanted = FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(not_any_=[StateType.SCHEDULED]))
        )
        return await self._client.read_flow_runs(
            flow_run_filter=wanted,
            work_pool_filter=self._in_pool,
            limit=PAGE,
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        )

    async def begun(self, deployment_id: UUID) -> Sequence[FlowRun]:
        """Return the latest flow runs of the deployment that have begun, newest first."""
        wanted = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[deployment_id]),
            start_time=FlowRunFilterStartTime(is_null_=False),
        )
        return await self._client.read_flow_runs(
            flow_run_filter=wanted,
            work_pool_filter=self._in_pool,
            limit=PAGE,
            sort=FlowRunSort.START_TIME_DESC,
        )

    async def pool_id(self) -> str:
        """Return the id of the pool."""
        return str((await self._client.read_work_pool(self._pool)).id)

    async def deployments(self) -> Sequence[UUID]:
        """Return the ids of the pool's deployments."""
        found: list[UUID] = []
        while True:
            page = await self._client.read_deployments(
                work_pool_filter=self._in_pool, limit=PAGE, offset=len(found)
            )
            found += [deployment.id for deployment in page]
            if len(page) < PAGE:
                return found

    async def unfinished(self) -> Sequence[FlowRun]:
        """Return the flow runs of the pool that have, or should have, a container."""
        wanted = FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(UNFINISHED)))
        )
        found: list[FlowRun] = []
        while True:
            page = await self._client.read_flow_runs(
                flow_run_filter=wanted,
                work_pool_filter=self._in_pool,
                limit=PAGE,
                offset=len(found),
            )
            found.extend(page)
            if len(page) < PAGE:
                return found

    async def online_workers(self) -> Collection[str]:
        """Return the names of the pool's workers that have missed fewer than three heartbeats.

        The latest heartbeat of any worker, this one included, stands for now: all times are the server's.
        """
        workers = await self._client.read_workers_for_work_pool(self._pool, limit=PAGE)
        beats = [
            (it, it.last_heartbeat_time) for it in workers if it.last_heartbeat_time is not None
        ]
        now = max((beat for _, beat in beats), default=None)
        return {
            worker.name
            for worker, beat in beats
            if now is not None
            and (now - beat).total_seconds()
            < MISSED_BEATS * (worker.heartbeat_interval_seconds or 30)
        }

    async def runs_claimed(
        self, pid: InfrastructurePid, *, deployment_id: UUID | None
    ) -> Collection[str]:
        """Return the runs of *pid*'s job that are recorded for the latest flow runs of the deployment."""
        wanted = (
            FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment_id]))
            if deployment_id
            else None
        )
        flow_runs = await self._client.read_flow_runs(
            flow_run_filter=wanted,
            work_pool_filter=self._in_pool,
            limit=PAGE,
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        )
        pids = [parse_pid(flow_run.infrastructure_pid) for flow_run in flow_runs]
        return {known.run for known in pids if known and known.run and known.job == pid.job}

    async def write_pid(self, flow_run_id: UUID, pid: str) -> None:
        """Record the job run that executes the flow run, or is about to.

        Raises:
            DecodingError: the response is not Prefect's, so nothing may have been recorded; a transient failure.
        """
        response = await self._client.update_flow_run(flow_run_id, infrastructure_pid=pid)
        if response.status_code != httpx.codes.NO_CONTENT:
            raise httpx.DecodingError(
                f"Prefect's server answers PATCH /flow_runs with 204, and {response.status_code} came",
                request=response.request,
            )

    async def write_labels(self, flow_run_id: UUID, labels: Mapping[str, str | float]) -> None:
        """Add *labels* to those of the flow run."""
        await self._client.update_flow_run_labels(flow_run_id, dict(labels))

    async def running_tasks(self, flow_run_id: UUID) -> Sequence[str]:
        """Return the names of the flow run's tasks that have begun and not ended, as far as Prefect knows."""
        running = TaskRunFilterStateType(any_=[StateType.RUNNING])
        found = await self._client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])),
            task_run_filter=TaskRunFilter(state=TaskRunFilterState(type=running)),
            sort=TaskRunSort.EXPECTED_START_TIME_DESC,
            limit=PAGE,
        )
        return [task_run.name for task_run in found]

    async def propose(self, flow_run_id: UUID, state: State) -> bool:
        """Propose *state* and return whether Prefect accepted it; a flow run that has ended meanwhile keeps its state."""
        try:
            answered = await propose_state(self._client, state, flow_run_id=flow_run_id)
        except (PrefectSignal, ObjectNotFound):
            return False
        return answered.type is state.type and answered.name == state.name

    async def states(self, flow_run_id: UUID) -> Sequence[State]:
        """Return the states of the flow run so far, oldest first."""
        return await self._client.read_flow_run_states(flow_run_id)

    async def claim(self, flow_run_id: UUID, *, after: UUID, message: str) -> Claim | None:
        """Claim the right to start the flow run, which was decided upon its state *after*; None if that is too late.

        A claim that arrives after the flow run has ended is taken back.
        """
        before = await self.states(flow_run_id)
        if not is_last(before, after) or covered(before) is not None:
            return None
        (last,) = (it for it in before if it.id == after)
        state: State = Pending(name=name_of_claim(last.name), message=message)
        try:
            answered = await propose_state(self._client, state, flow_run_id=flow_run_id)
        except Abort:
            # A server without named PENDING states refuses every claim: a container then has nothing to check.
            now = await self.states(flow_run_id)
            return Claim(id=after, gated=False) if is_last(now, after) else None
        except (PrefectSignal, ObjectNotFound):
            return None
        seen = await self.states(flow_run_id)
        if directly_follows(seen, answered.id, after):
            return Claim(id=answered.id)
        await self._restore(flow_run_id, covered(seen))
        return None

    async def covered_state(self, flow_run_id: UUID) -> State | None:
        """Return the flow run's final state if a late request has covered it, else None."""
        return covered(await self.states(flow_run_id))

    async def restore_final_state(self, flow_run_id: UUID) -> State | None:
        """Restore the final state that a late request has covered, and return it; None if there is none."""
        return await self._restore(flow_run_id, await self.covered_state(flow_run_id))

    async def _restore(self, flow_run_id: UUID, ended: State | None) -> State | None:
        if ended is None:
            return None
        # `set_flow_run_state` would leave out where the result of the flow is.
        again = ended.model_dump(mode="json", include={"type", "name", "message", "data"})
        await self._client.request(
            "POST",
            "/flow_runs/{id}/set_state",
            path_params={"id": flow_run_id},
            json={"state": again},
        )
        return ended


def record_of(flow_run: FlowRun) -> FlowRunRecord:
    """Return what the worker needs of Prefect's flow run."""
    state, owner = flow_run.state, flow_run.labels.get(OWNER_LABEL)
    return FlowRunRecord(
        state=state.type if state else StateType.PENDING,
        state_name=(state.name if state else "") or "",
        pid=flow_run.infrastructure_pid,
        began=flow_run.start_time is not None,
        owner=owner if isinstance(owner, str) else None,
        state_id=state.id if state else None,
    )


def parse_pid(pid: str | None) -> InfrastructurePid | None:
    """Return *pid* as a value, or None if another type of worker wrote it."""
    try:
        return InfrastructurePid.parse(pid or "")
    except ValueError:
        return None
