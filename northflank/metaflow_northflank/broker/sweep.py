"""Watches the job runs of one run with as few calls as that takes; what is over is told to its task."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic

from prefect_northflank.api.budget import Purpose
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.requests import PAGE
from prefect_northflank.api.responses import JobRun, Project
from prefect_northflank.errors import NorthflankError, NotFound

from metaflow_northflank.broker.active_runs import ActiveRun, ActiveRuns, take
from metaflow_northflank.broker.call_allowance import CallAllowance
from metaflow_northflank.protocol import News

_LOOK_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Sweep:
    """The one watch of a run."""

    def __init__(
        self,
        client: NorthflankClient,
        project: Project,
        active: ActiveRuns,
        allowance: CallAllowance,
    ) -> None:
        self._client = client
        self._project = project
        self._active = active
        self._allowance = allowance

    async def forever(self) -> None:
        """Look at what is due, within the allowance. No error ends the watch: the next look is the retry."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for job, runs in self._active.due(monotonic()).items():
                if self._allowance.take():
                    # Without a watch, a container that dies without a word would never be missed.
                    try:
                        await self._look(job, runs)
                    except Exception:  # noqa: BLE001  as the comment says
                        _log.exception("Could not look at job %s", job)

    async def _look(self, job: str, runs: list[ActiveRun]) -> None:
        try:
            found = await self._found(job, runs)
        except NotFound:
            # The job was deleted with its runs; that need not be seen twice.
            found = {}
            for run in runs:
                run.missed += 1
        except NorthflankError as error:
            _log.warning("Could not look at job %s: %s", job, error)
            return
        per_call = self._client.budget.seconds_per_call()
        for run in take(runs, found, now=monotonic(), seconds_per_call=per_call):
            await run.conversation.tell(News.CONCLUDED)

    async def _found(self, job: str, runs: list[ActiveRun]) -> dict[str, JobRun]:
        if len(runs) == 1:
            run = await self._client.run(
                self._project, job, runs[0].run, purpose=Purpose.MONITORING
            )
            return {run.id: run}
        wanted, found, seen = {run.run for run in runs}, dict[str, JobRun](), 0
        async for shown in self._client.runs(self._project, job, purpose=Purpose.MONITORING):
            seen += 1
            if shown.id in wanted:
                found[shown.id] = shown
            # Every page is a call.
            if len(found) == len(wanted):
                break
        self._allowance.spend(max(seen - 1, 0) // PAGE)
        return found
