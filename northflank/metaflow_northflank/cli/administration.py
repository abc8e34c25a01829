"""`northflank list` and `kill`: the jobs of a flow's runs, found by their descriptions."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from prefect_northflank.api.access import Access, access_from
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import Job, JobRun, Project
from prefect_northflank.errors import NorthflankError, NotFound
from prefect_northflank.job import names

from metaflow_northflank import settings as settings_module
from metaflow_northflank.broker.wording import NO_PROJECT, problem
from metaflow_northflank.errors import NorthflankFailed

T = TypeVar("T")

_DESCRIPTION = re.compile(r"Metaflow run (?P<flow>[^/]+)/(?P<run_id>\S+) of (?P<user>.+)")


@dataclass(frozen=True, kw_only=True)
class RunJob:
    """A job of a run, and its job runs that have not ended."""

    job: Job
    run_id: str
    user: str
    active: tuple[JobRun, ...]


@dataclass(frozen=True, kw_only=True)
class Administration:
    """What still runs of a flow's runs. `user` is None for every user's."""

    flow: str
    run_id: str | None
    user: str | None
    access: Access
    project: Project
    echo: Any

    @classmethod
    def of(
        cls, obj: Any, run_id: str | None, user: str | None, *, all_users: bool
    ) -> Administration:
        """Return it for the flow of the command line's object.

        Raises:
            NorthflankFailed: token or project is missing.
        """
        from metaflow.util import get_username

        access, project = place()
        return cls(
            flow=obj.flow.name,
            run_id=run_id,
            user=None if all_users else user or get_username(),
            access=access,
            project=project,
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
        return f"Northflank has no jobs for {which} of {self.flow}{whose} in project {self.project.id}."

    def _found(self) -> list[RunJob]:
        async def all_of_them() -> list[RunJob]:
            async with NorthflankClient(self.access) as client:
                return [it async for it in self._jobs(client)]

        return with_problem(all_of_them())

    async def _jobs(self, client: NorthflankClient) -> AsyncIterator[RunJob]:
        user = None if self.user is None else _as_described(self.user)
        async for job in client.jobs(self.project):
            named = _DESCRIPTION.fullmatch(job.description)
            if (
                named is None
                or named["flow"] != _as_described(self.flow)
                or (user is not None and named["user"] != user)
                or self.run_id not in (None, named["run_id"])
            ):
                continue
            try:
                active = [
                    run async for run in client.runs(self.project, job.id) if not run.concluded
                ]
            except NotFound:
                continue
            yield RunJob(job=job, run_id=named["run_id"], user=named["user"], active=tuple(active))

    async def _end(self, jobs: list[RunJob]) -> None:
        async with NorthflankClient(self.access) as client:
            for it in jobs:
                # Its run may delete it at the same time.
                with suppress(NotFound):
                    for run in it.active:
                        await client.abort_run(self.project, it.job.id, run.id)
                    await client.delete_job(self.project, it.job.id)


def place() -> tuple[Access, Project]:
    """Return how to call Northflank, and the project of the settings.

    Raises:
        NorthflankFailed: token or project is missing.
    """
    settings, _ = settings_module.read()
    try:
        access = access_from(os.environ, team=settings.team)
    except NorthflankError as error:
        raise NorthflankFailed(problem(error)) from None
    if settings.project is None:
        raise NorthflankFailed(NO_PROJECT)
    return access, Project(id=settings.project, team=access.team)


def with_problem(call: Coroutine[Any, Any, T]) -> T:
    """Return what the coroutine *call* returns; tell people what went wrong in their words.

    Raises:
        NorthflankFailed: Northflank refused, or did not answer.
    """
    try:
        return asyncio.run(call)
    except NorthflankError as error:
        raise NorthflankFailed(problem(error)) from None


def _as_described(text: str) -> str:
    return names.description(text)
