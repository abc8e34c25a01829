"""Builds the image of a job that is made from a repository before the job is started."""

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
"""Between two reads of a build that is not concluded; each is a call."""


async def ensure_built(
    client: NorthflankClient,
    project: Project,
    job: str,
    *,
    retry: LongRetry,
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

    latest = await retry.call(begin)
    while not latest.concluded:
        await sleep(POLL_SECONDS)
        seen = await retry.call(look)
        latest = seen or latest
    if not latest.success:
        raise BuildFailed(job=job, build=latest.id, status=latest.status)


@contextmanager
def explaining_missing_build(request: JobRequest) -> Iterator[None]:
    """Explain a 409 to the start of a job whose image a build service has yet to build.

    Raises:
        NotBuilt: in place of the `Conflict` that the block raises.
    """
    try:
        yield
    except Conflict as conflict:
        if not request.runs_a_build:
            raise
        raise NotBuilt(
            status=conflict.status,
            method=conflict.method,
            path=conflict.path,
            message=conflict.message,
        ) from conflict


async def _latest(client: NorthflankClient, project: Project, job: str) -> Build | None:
    builds = [build async for build in client.builds(project, job)]
    return max(builds, key=lambda build: build.created_at, default=None)
