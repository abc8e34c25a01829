"""Sees to it that a job made from a repository has an image before it is started, and says so where one has none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import Build, Project
from prefect_northflank.api.retry import LongRetry
from prefect_northflank.errors import BuildFailed, Conflict, NotBuilt
from prefect_northflank.job.definition import JobRequest

POLL_SECONDS = 15.0
"""Between two looks at a build that goes on; each is a call."""


async def ensure_built(
    client: NorthflankClient,
    project: Project,
    job: str,
    *,
    patience: LongRetry,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Return when the job's latest build has succeeded; start one if it has none.

    Raises:
        BuildFailed: the latest build did not succeed.
    """

    async def look() -> Build | None:
        return await _latest(client, project, job)

    async def begin() -> Build:
        return await look() or await client.start_build(project, job)

    latest = await patience.through(begin)
    while not latest.concluded:
        await sleep(POLL_SECONDS)
        seen = await patience.through(look)
        latest = seen or latest
    if not latest.success:
        raise BuildFailed(job=job, build=latest.id, status=latest.status)


@contextmanager
def refused_for_want_of_a_build(request: JobRequest) -> Iterator[None]:
    """Take a 409 to the start of a job that a build service builds for what it is.

    Raises:
        NotBuilt: instead of the `Conflict` that the block raises.
    """
    try:
        yield
    except Conflict as refused:
        if not request.runs_a_build:
            raise
        raise NotBuilt(
            status=refused.status,
            method=refused.method,
            path=refused.path,
            message=refused.message,
        ) from refused


async def _latest(client: NorthflankClient, project: Project, job: str) -> Build | None:
    builds = [build async for build in client.builds(project, job)]
    return max(builds, key=lambda build: build.created_at, default=None)
