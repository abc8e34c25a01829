"""Deletes jobs that will not be used again: of flow runs that are over, and lasting jobs that others have replaced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, StateType

from prefect_northflank.api.budget import Purpose
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import Job, Project
from prefect_northflank.errors import NoCallsLeft, NotFound
from prefect_northflank.job.names import flow_run_of, lasted_before, lasts
from prefect_northflank.loggers import LoggerOrAdapter
from prefect_northflank.records.flow_runs import FlowRunRecords, parse_pid, record_of
from prefect_northflank.recovery.orphan_rules import PoolWorkers, is_orphaned
from prefect_northflank.recovery.superseded_jobs import Place, is_superseded, place_of


class LeftoverJobs:
    """The jobs of a work pool that outlived their use.

    Only jobs are deleted that this type of worker has named for a flow run, deployment or flow of this Prefect server, in
    this work pool.
    """

    def __init__(
        self,
        *,
        records: FlowRunRecords,
        client_of: Callable[[FlowRun], Awaitable[NorthflankClient]],
        logger: LoggerOrAdapter,
    ) -> None:
        self._records = records
        self._client_of = client_of
        self._logger = logger

    async def delete(self, workers: PoolWorkers) -> None:
        """Delete the leftover jobs in every project that the pool's latest flow runs used.

        That takes one call per project and 100 jobs, and two for each deleted job.
        """
        latest, deployments = await self._records.latest(), await self._records.deployments()
        for project, flow_run in _projects(latest, deployments).items():
            try:
                await self._clean_up(project, flow_run, workers, latest, deployments)
            # A project, block or token that is gone must not keep the other projects from being cleaned up.
            except Exception as error:  # noqa: BLE001, PERF203  reading a block may raise anything
                self._logger.warning("Could not clean up project %s: %s", project.id, error)

    async def _clean_up(
        self,
        project: Project,
        flow_run: FlowRun,
        workers: PoolWorkers,
        latest: Sequence[FlowRun],
        deployments: Collection[UUID],
    ) -> None:
        client = await self._client_of(flow_run)
        jobs = [job async for job in client.jobs(project)]
        for job in await self._of_ended_flow_runs(jobs, workers):
            await self._delete(client, project, job)
        lasting = await self._superseded(project, jobs, latest, deployments)
        await self._retire(client, project, lasting)

    async def _of_ended_flow_runs(
        self, jobs: Collection[Job], workers: PoolWorkers
    ) -> Collection[Job]:
        served: dict[UUID, list[Job]] = {}
        for job in jobs:
            flow_run_id = flow_run_of(job.name)
            if flow_run_id is not None:
                served.setdefault(flow_run_id, []).append(job)
        known = await self._records.in_pool(served)
        over = [it.id for it in known if record_of(it).is_final and is_orphaned(it, workers)]
        return [job for flow_run_id in over for job in served[flow_run_id]]

    async def _delete(self, client: NorthflankClient, project: Project, job: Job) -> None:
        try:
            runs = [run async for run in client.runs(project, job.id)]
            # A flow run is final before its container ends: hooks run after the last state.
            if all(run.concluded for run in runs):
                await client.delete_job(project, job.id)
                self._logger.info("Deleted job %s, left behind by a worker that is gone.", job.id)
        except NotFound:
            return

    # -- lasting jobs ----------------------------------------------------------------------------------------

    async def _superseded(
        self,
        project: Project,
        jobs: Collection[Job],
        latest: Sequence[FlowRun],
        deployments: Collection[UUID],
    ) -> Sequence[str]:
        """Return the lasting jobs that no future flow run is expected to use."""
        pool = await self._records.pool_id()
        not_begun = {place_of(flow_run) for flow_run in latest if flow_run.start_time is None}
        left = {job.id for job in jobs if lasts(job.id, pool=pool)}
        found: list[str] = []
        for deployment in deployments:
            its_own = {job for job in left if lasts(job, pool=pool, served=str(deployment))}
            if not its_own:
                continue
            left -= its_own
            flow_runs = await self._records.begun(deployment)
            used = {place_of(flow_run) for flow_run in flow_runs}
            # Names from earlier versions do not tell the deployment; Prefect's records do.
            former = {it.id for it in jobs if lasted_before(it.id) and (project, it.id) in used}
            # Keep a new job in which no flow run has begun: users look there for the reason.
            new = {job for job in its_own if (project, job) in not_begun - used}
            found += [
                job for job in (its_own - new) | former if is_superseded((project, job), flow_runs)
            ]
        return found + [
            job for job in left if _is_unused_without_deployment((project, job), latest, pool)
        ]

    async def _retire(
        self, client: NorthflankClient, project: Project, jobs: Sequence[str]
    ) -> None:
        """Delete the lasting jobs in which nothing runs, as far as the rate limit allows."""
        # If the rest of the rate limit is reserved for starts, a later round deletes the rest of the jobs.
        with suppress(NoCallsLeft):
            for job in jobs:
                if await self._is_idle(client, (project, job)):
                    await self._delete_idle(client, project, job)

    async def _delete_idle(self, client: NorthflankClient, project: Project, job: str) -> None:
        # Delete it now or not at all: after a wait, a flow run may have been started in it.
        with suppress(NotFound):
            await client.without_waiting().delete_job(project, job, purpose=Purpose.MONITORING)
            self._logger.info("Deleted lasting job %s, which is no longer used.", job)

    async def _is_idle(self, client: NorthflankClient, place: Place) -> bool:
        """Return whether nothing runs in a lasting job, and no flow run is about to be started in it."""
        try:
            async for run in client.runs(*place, purpose=Purpose.MONITORING):
                if not run.concluded:
                    return False
        except NotFound:
            return False
        # Read last: a worker records the job in which it is about to start a flow run.
        pool, unfinished = await self._records.pool_id(), await self._records.unfinished()
        return not any(_may_use(flow_run, place, pool) for flow_run in unfinished)


def _projects(
    latest: Sequence[FlowRun], deployments: Collection[UUID]
) -> Mapping[Project, FlowRun]:
    """Return the projects in use, each with a flow run whose configuration has the credentials."""
    found: dict[Project, FlowRun] = {}
    for flow_run in sorted(latest, key=lambda it: it.deployment_id not in deployments):
        pid = parse_pid(flow_run.infrastructure_pid)
        if pid is not None:
            found.setdefault(pid.project, _without_deleted_deployment(flow_run, deployments))
    return found


def _without_deleted_deployment(flow_run: FlowRun, deployments: Collection[UUID]) -> FlowRun:
    """Return *flow_run*, configured by the pool's defaults alone if its deployment has been deleted."""
    gone = flow_run.deployment_id not in deployments
    return flow_run.model_copy(update={"deployment_id": None}) if gone else flow_run


def _served(flow_run: FlowRun) -> str:
    return str(flow_run.deployment_id or flow_run.flow_id)


def _is_unused_without_deployment(place: Place, latest: Sequence[FlowRun], pool: str) -> bool:
    """Return whether a lasting job of no current deployment served a deleted one, or a flow that uses another job now."""
    flow_runs = [
        it
        for it in latest
        if it.deployment_id is None
        and it.start_time
        and lasts(place[1], pool=pool, served=_served(it))
    ]
    return not flow_runs or is_superseded(place, flow_runs)


def _may_use(flow_run: FlowRun, place: Place, pool: str) -> bool:
    """Return whether an unfinished flow run is in the job, or may be started in it because its job is not recorded yet.

    The record of a flow run that is Pending again after a retry still shows its earlier job.
    """
    undecided = (
        flow_run.infrastructure_pid is None or record_of(flow_run).state is StateType.PENDING
    )
    serves = lasts(place[1], pool=pool, served=_served(flow_run))
    return (undecided and serves) or place_of(flow_run) == place
