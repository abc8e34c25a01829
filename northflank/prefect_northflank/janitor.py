"""Deletes jobs of flow runs that are over and whose worker did not live to delete them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from uuid import UUID

from prefect.client.schemas.objects import FlowRun

from prefect_northflank.adoption import Company, is_ours
from prefect_northflank.api import Job, Project
from prefect_northflank.client import NorthflankClient
from prefect_northflank.errors import NotFound
from prefect_northflank.ledger import PrefectLedger, parsed, record_of
from prefect_northflank.names import flow_run_of


class Janitor:
    """Compares the jobs of a project with Prefect's records.

    Only jobs named by this worker for a flow run that this Prefect knows, in this work pool, are ever deleted.
    """

    def __init__(
        self,
        *,
        ledger: PrefectLedger,
        client_of: Callable[[FlowRun], Awaitable[NorthflankClient]],
        logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._ledger = ledger
        self._client_of = client_of
        self._logger = logger

    async def round(self, company: Company) -> None:
        """Delete what is left over in every project the pool's latest flow runs used; a call per project and 100 jobs."""
        for project, flow_run in (await self._projects()).items():
            await self._try_to_tidy(project, flow_run, company)

    async def _try_to_tidy(self, project: Project, flow_run: FlowRun, company: Company) -> None:
        try:
            await self._tidy(project, flow_run, company)
        # A project, block or token that is gone must not keep the other projects from being tidied.
        except Exception as error:  # noqa: BLE001 (whatever reading a block raises)
            self._logger.warning("Could not tidy project %s: %s", project.id, error)

    async def _tidy(self, project: Project, flow_run: FlowRun, company: Company) -> None:
        client = await self._client_of(flow_run)
        jobs = [job async for job in client.jobs(project)]
        for job in await self._left_over(jobs, company):
            await self._delete(client, project, job)

    async def _projects(self) -> Mapping[Project, FlowRun]:
        """Return the projects in use, each with a flow run that knows the credentials."""
        found: dict[Project, FlowRun] = {}
        for flow_run in await self._ledger.latest():
            pid = parsed(flow_run.infrastructure_pid)
            if pid is not None and flow_run_of(pid.job) is not None:
                found.setdefault(pid.project, flow_run)
        return found

    async def _left_over(self, jobs: Collection[Job], company: Company) -> Collection[Job]:
        served: dict[UUID, list[Job]] = {}
        for job in jobs:
            flow_run_id = flow_run_of(job.name)
            if flow_run_id is not None:
                served.setdefault(flow_run_id, []).append(job)
        known = await self._ledger.of_pool(served)
        over = [it.id for it in known if record_of(it).is_final and is_ours(it, company)]
        return [job for flow_run_id in over for job in served[flow_run_id]]

    async def _delete(self, client: NorthflankClient, project: Project, job: Job) -> None:
        try:
            runs = [run async for run in client.runs(project, job.id)]
            # A flow run is final before its container ends: hooks run after the last state.
            if all(run.concluded for run in runs):
                await client.delete_job(project, job.id)
                self._logger.info("Deleted job %s, which a worker that is gone had left.", job.id)
        except NotFound:
            return
