"""Finds the job run of a flow run whose worker died before it could record it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from prefect.client.schemas.objects import FlowRun

from prefect_northflank.api.budget import Purpose
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import JobRun
from prefect_northflank.errors import NotFound
from prefect_northflank.job.names import flow_run_of, job_of_container
from prefect_northflank.records.claims import container_of
from prefect_northflank.records.flow_runs import FlowRunRecords
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.start.start_once import CLOCKS_DIFFER_BY, unclaimed


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRunSearch:
    """The search for job runs in one account."""

    client: NorthflankClient
    records: FlowRunRecords
    gated: bool
    """Whether the flow run's containers check their claims."""

    async def find(self, flow_run: FlowRun, pid: InfrastructurePid) -> InfrastructurePid | None:
        """Return the job run of the start intended as *pid*; None if there is none that certainly belongs to it.

        A container that has passed the claim gate has told Prefect its name, and with it its job, even if the intent of an
        earlier worker was recorded later. The job of one flow run has no other runs. In a lasting job, a container that
        has not passed will execute nothing once the flow run is claimed again, so it need not be found.
        """
        container = await self._container_of(flow_run)
        pid = _in_job_of(container, flow_run, pid)
        if flow_run_of(pid.job) is not None:
            runs: Sequence[JobRun] = await unclaimed(
                self.client, pid.project, pid.job, claimed=_none, purpose=Purpose.MONITORING
            )
        elif not self.gated:
            runs = await self._unclaimed(flow_run, pid)
        elif container is not None:
            runs = [it for it in await self._unclaimed(flow_run, pid) if it.is_run_of(container)]
        else:
            runs = ()
        return replace(pid, run=runs[0].id) if runs else None

    async def is_executed_by(self, flow_run: FlowRun, pid: InfrastructurePid) -> bool:
        """Return whether the container that has passed the claim gate belongs to *pid*, whatever Prefect has recorded."""
        container = await self._container_of(flow_run)
        if container is None or pid.run is None:
            return False
        try:
            return (await self.client.run(pid.project, pid.job, pid.run)).is_run_of(container)
        except NotFound:
            return False

    async def _container_of(self, flow_run: FlowRun) -> str | None:
        return container_of(await self.records.states(flow_run.id)) if self.gated else None

    async def executing(
        self, flow_run: FlowRun, pid: InfrastructurePid, run: JobRun | None
    ) -> InfrastructurePid | None:
        """Return the job run that executes the flow run if it is not *run*, which Prefect has recorded as *pid*.

        A start without a response can leave two runs, or be confused with the start of another flow run; the container
        that has passed the claim gate has told Prefect its name. None also if no run of the job has such a name.
        """
        container = await self._container_of(flow_run)
        if container is None or (run is not None and run.is_run_of(container)):
            return None
        try:
            async for other in self.client.runs(pid.project, pid.job):
                if other.is_run_of(container):
                    return replace(pid, run=other.id) if other.id != pid.run else None
        # The job was deleted, and its runs with it.
        except NotFound:
            return None
        return None

    async def was_deleted(self, flow_run: FlowRun, pid: InfrastructurePid) -> bool:
        """Return whether the job of the container that has passed the claim gate was deleted.

        A project that the token cannot read says nothing about its jobs.
        """
        container = await self._container_of(flow_run)
        pid = _in_job_of(container, flow_run, pid)
        if container is None or not container.startswith(f"{pid.job}-"):
            return False
        try:
            async for _ in self.client.runs(pid.project, pid.job, purpose=Purpose.MONITORING):
                return False
        except NotFound:
            await self.client.project_name(pid.project, purpose=Purpose.MONITORING)
            return True
        return False

    async def has_unclaimed(self, flow_run: FlowRun, pid: InfrastructurePid) -> bool:
        """Return whether the job has active runs that are not recorded for any flow run."""
        return any(not run.concluded for run in await self._unclaimed(flow_run, pid))

    async def _unclaimed(self, flow_run: FlowRun, pid: InfrastructurePid) -> Sequence[JobRun]:
        """Return the runs of the lasting job that are not recorded for any flow run."""

        async def claimed() -> Collection[str]:
            return await self.records.runs_claimed(pid, deployment_id=flow_run.deployment_id)

        since = flow_run.expected_start_time
        return await unclaimed(
            self.client,
            pid.project,
            pid.job,
            claimed=claimed,
            since=since - CLOCKS_DIFFER_BY if since else None,
            purpose=Purpose.MONITORING,
        )


async def _none() -> Collection[str]:
    return ()


def _in_job_of(
    container: str | None, flow_run: FlowRun, pid: InfrastructurePid
) -> InfrastructurePid:
    """Return *pid* with the job of *container*, if that job serves this flow run alone."""
    job = job_of_container(container or "", flow_run.id)
    return pid if job in (None, pid.job) else replace(pid, job=job, run=None)
