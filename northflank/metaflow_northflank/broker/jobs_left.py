"""The jobs that a user's other runs of the flow have in the project, and the removal of those whose runs are lost.

Which runs are lost, the run's process finds out: signs of life are in the datastore.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import Project
from prefect_northflank.errors import NorthflankError, NotFound

from metaflow_northflank.broker.run_identity import RunIdentity, described_run


class JobsLeft:
    """The jobs of other runs than this one."""

    def __init__(self, client: NorthflankClient, project: Project, identity: RunIdentity) -> None:
        self._client = client
        self._project = project
        self._identity = identity

    async def find(self) -> list[dict[str, str]]:
        """Return the jobs and the ids of their runs.

        Raises:
            NorthflankError: Northflank does not list them.
        """
        mine, found = self._identity, list[dict[str, str]]()
        async for job in self._client.jobs(self._project):
            run = described_run(job.description)
            if run is None or run.run_id == mine.run_id:
                continue
            if run.is_of(flow=mine.flow, user=mine.user):
                found.append({"job": job.id, "run_id": run.run_id})
        return found

    async def remove(self, jobs: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
        """Delete *jobs*, if they are those of their runs and no containers may finish in them; return those deleted."""
        removed = list[dict[str, str]]()
        for it in jobs:
            # Another run may have this id, too: in another datastore, or before it was resumed.
            if not replace(self._identity, run_id=it["run_id"], nonce=it["nonce"]).has(it["job"]):
                continue
            # The next run tries again.
            try:
                if it["may_finish"] and await self._has_active_runs(it["job"]):
                    continue
                await self._client.delete_job(self._project, it["job"])
            except NotFound:
                continue
            except NorthflankError:
                return removed
            removed.append({"job": str(it["job"]), "run_id": str(it["run_id"])})
        return removed

    async def _has_active_runs(self, job: str) -> bool:
        async for run in self._client.runs(self._project, job):
            if not run.concluded:
                return True
        return False
