"""`northflank list` and `kill`: the jobs of a flow's runs, found by their descriptions."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import Job, JobRun
from prefect_northflank.errors import NotFound

from metaflow_northflank.broker.run_identity import RunIdentity, described_run
from metaflow_northflank.cli.place import Place, place, refusal, with_problem, wrong_settings
from metaflow_northflank.run.lost_runs import last_sign, lost_runs

_TWO_KINDS_OF_USERS = "--user and --all-users contradict each other. Fix: leave one of them out."


@dataclass(frozen=True, kw_only=True)
class RunJob:
    """A job of a run, and its job runs that have not ended."""

    job: Job
    run_id: str
    user: str
    active: tuple[JobRun, ...]

    def is_of(self, flow: str, nonce: str) -> bool:
        """Return whether it is the job of the run with this nonce: there may be several runs of one id."""
        identity = RunIdentity(flow=flow, run_id=self.run_id, user=self.user, nonce=nonce)
        return identity.has(self.job.name)


@dataclass(frozen=True, kw_only=True)
class Administration:
    """What still runs of a flow's runs. `user` is None for every user's."""

    flow: str
    run_id: str | None
    user: str | None
    place: Place
    flow_datastore: Any
    echo: Any

    @classmethod
    def of(
        cls, obj: Any, run_id: str | None, user: str | None, *, all_users: bool
    ) -> Administration:
        """Return it for the flow of the command line's object.

        Raises:
            NorthflankFailed: token or project is missing, or a setting or an option is wrong.
        """
        from metaflow.util import get_username

        if user and all_users:
            raise refusal([_TWO_KINDS_OF_USERS, *wrong_settings()])
        return cls(
            flow=obj.flow.name,
            run_id=run_id,
            user=None if all_users else user or get_username(),
            place=place(),
            flow_datastore=obj.flow_datastore,
            echo=obj.echo_always,
        )

    def show(self) -> None:
        """List the job runs that have not ended, and jobs without any."""
        found = self._found()
        for it in found:
            where = f"Run: {it.run_id}  User: {it.user}  Job: {it.job.id}"
            for run in it.active:
                self.echo(
                    f"{where}  Job run: {run.id}  Started: {run.started_at or '-'}", err=False
                )
            if not it.active:
                self.echo(f"{where}  (nothing runs in it)", err=False)
        if not found:
            self.echo(self._nothing(), err=False)
        self._show_lost(found)

    def _show_lost(self, jobs: list[RunJob]) -> None:
        """Say which of the runs are gone: the others end their containers and delete their jobs themselves."""
        look = partial(last_sign, self.flow_datastore)
        run_ids = sorted({it.run_id for it in jobs})
        lost = lost_runs(look, run_ids, wait=_waiting(self.echo), trusts_clocks=True)
        gone = {
            it.run_id
            for it in jobs
            if it.run_id in lost and it.is_of(self.flow, lost[it.run_id].nonce)
        }
        for run_id in sorted(gone):
            self.echo(
                f"Run {run_id} is gone. The next run deletes its job; `northflank kill --run-id {run_id}` does so now.",
                err=False,
            )

    def kill(self) -> None:
        """End the job runs and delete their jobs."""
        found = self._found()
        with_problem(self._end(found))
        for it in found:
            self.echo(
                f"Run {it.run_id} of {it.user}: {len(it.active)} job runs ended, job {it.job.id} deleted.",
                err=False,
            )
        if not found:
            self.echo(self._nothing(), err=False)

    def _nothing(self) -> str:
        whose = f" of {self.user}" if self.user else ""
        which = f"run {self.run_id}" if self.run_id else "runs"
        return f"Northflank has no jobs for {which} of {self.flow}{whose} in project {self.place.project.id}."

    def _found(self) -> list[RunJob]:
        async def all_of_them() -> list[RunJob]:
            async with self.place.client(self.echo) as client:
                return [it async for it in self._jobs(client)]

        return with_problem(all_of_them())

    async def _jobs(self, client: NorthflankClient) -> AsyncIterator[RunJob]:
        async for job in client.jobs(self.place.project):
            run = described_run(job.description)
            if (
                run is None
                or not run.is_of(flow=self.flow, user=self.user)
                or self.run_id not in (None, run.run_id)
            ):
                continue
            try:
                runs = client.runs(self.place.project, job.id)
                active = [it async for it in runs if not it.concluded]
            except NotFound:
                continue
            yield RunJob(job=job, run_id=run.run_id, user=run.user, active=tuple(active))

    async def _end(self, jobs: list[RunJob]) -> None:
        async with self.place.client(self.echo) as client:
            for it in jobs:
                # Its run may delete it at the same time.
                with suppress(NotFound):
                    for run in it.active:
                        await client.abort_run(self.place.project, it.job.id, run.id)
                    await client.delete_job(self.place.project, it.job.id)


def _waiting(echo: Any) -> Callable[[float], bool]:
    """Return what waits for signs of life, says so the first time, and never stops."""
    is_said = False

    def wait(seconds: float) -> bool:
        nonlocal is_said
        if not is_said:
            echo("Looking for signs of life of these runs; that can take half a minute.", err=True)
        is_said = True
        time.sleep(seconds)
        return False

    return wait
