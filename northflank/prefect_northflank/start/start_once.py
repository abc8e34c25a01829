"""Starts a job run exactly once, even if the response to the start is lost."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from prefect_northflank.api.budget import Purpose
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import JobRun, Project, moment
from prefect_northflank.api.retry import FailureStreak, LongRetry, is_ambiguous
from prefect_northflank.errors import (
    ApiError,
    BuildFailed,
    NorthflankError,
    NotFound,
    StartInDoubt,
    TakenOver,
)
from prefect_northflank.job.definition import JobRequest, digest
from prefect_northflank.start.image_builds import ensure_built, explaining_missing_build

LOOKS_AFTER_SECONDS = (1.0, 2.0, 4.0, 8.0)
"""When to look for a run whose start got no response: it may appear in the list a little later."""

MAX_PUTS = 6
"""How often one start puts a lasting job that others delete."""

CLOCKS_DIFFER_BY = timedelta(minutes=2)
"""How far Northflank's clock may be from the worker's."""

Claimed = Callable[[], Awaitable[Collection[str]]]
"""Returns the runs of the job that are recorded for flow runs."""

CheckClaim = Callable[[], Awaitable[None]]
"""Raises `TakenOver` if the worker has lost its claim to the flow run."""


EnvironmentOfStart = Callable[[], Awaitable[Mapping[str, str]]]
"""Returns the variables that tell the container of this start from those of repeated starts."""


async def _no_check() -> None:
    """Check nothing: there is no other worker."""


async def _no_environment() -> Mapping[str, str]:
    """Return nothing: what tells starts apart is recorded elsewhere."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Callbacks:
    """What only the caller's records can answer."""

    claimed: Claimed
    check_claim: CheckClaim
    environment_of_start: EnvironmentOfStart


class JobStarter:
    """Creates jobs and starts their runs for one account."""

    def __init__(
        self, client: NorthflankClient, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Use *client*, which makes each call once (`NorthflankClient.without_waiting`)."""
        self._client = client
        self._sleep = sleep
        self._put: dict[tuple[Project, str], str] = {}
        self._in_doubt: set[tuple[Project, str]] = set()
        self._locks: defaultdict[tuple[Project, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(
        self,
        project: Project,
        request: JobRequest,
        *,
        retry: LongRetry,
        claimed: Claimed,
        check_claim: CheckClaim = _no_check,
        environment_of_start: EnvironmentOfStart = _no_environment,
    ) -> JobRun:
        """Create the job if necessary, start one run of it, and return that run.

        *claimed* is called only after a start without a response, to tell its run from those of other flow runs.
        *check_claim* is called when the job exists, right before each request to start it; then *environment_of_start*.
        Starts of one lasting job happen one after the other, so that at most one of them is ever in doubt. One that waits
        for a transient failure to pass delays no other; each reports what it waits for.
        """
        ask = _Callbacks(
            claimed=claimed, check_claim=check_claim, environment_of_start=environment_of_start
        )
        if request.lasting:
            return await self._start(project, request, ask, retry)
        try:
            return await self._start(project, request, ask, retry)
        except NorthflankError as failure:
            await self._remove_if_not_started(project, request, failure)
            raise
        finally:
            self._in_doubt.discard((project, request.name))

    async def _start(
        self, project: Project, request: JobRequest, ask: _Callbacks, retry: LongRetry
    ) -> JobRun:
        putting, starting, deletions = FailureStreak(retry), FailureStreak(retry), 0
        while True:
            failures = putting
            try:
                # The lock is held only while the job is built and while a start in doubt is looked for.
                async with self._one_at_a_time(project, request):
                    await self._put_job(project, request, retry)
                    putting, failures = FailureStreak(retry), starting
                    await ask.check_claim()
                    return await self._start_once(project, request, ask, retry)
            except NotFound as missing:
                deletions += 1
                if failures is not starting or deletions == MAX_PUTS:
                    raise
                self._forget(project, request, missing)
            except NorthflankError as failure:
                await failures.wait_or_raise(failure)

    def _one_at_a_time(
        self, project: Project, request: JobRequest
    ) -> AbstractAsyncContextManager[None]:
        return self._locks[project, request.name] if request.lasting else nullcontext()

    async def _start_once(
        self, project: Project, request: JobRequest, ask: _Callbacks, retry: LongRetry
    ) -> JobRun:
        """Request one run; if the response is ambiguous, return the run that is found.

        Raises:
            StartInDoubt: the response is ambiguous, and Northflank does not answer whether there is a run.
        """
        overrides = request.overrides_with(await ask.environment_of_start())
        began = datetime.now(timezone.utc)
        try:
            with explaining_missing_build(request):
                return await self._client.start_run(project, request.name, overrides)
        except NorthflankError as failure:
            if not is_ambiguous(failure):
                raise
            self._in_doubt.add((project, request.name))
            since = began - CLOCKS_DIFFER_BY
            try:
                found = await self._find(project, request, ask.claimed, retry, since=since)
            except NorthflankError as unseen:
                raise StartInDoubt(job=request.name, start=failure, look=unseen) from failure
            if found is None:
                raise
            return found

    async def _remove_if_not_started(
        self, project: Project, request: JobRequest, failure: NorthflankError
    ) -> None:
        """Delete the job of one flow run if it is certain that nothing was started in it.

        Jobs in which something may have been started, or which hold the log of a failed build, are deleted later.
        """
        never_made = isinstance(failure, ApiError) and failure.method == "PUT"
        in_doubt = (project, request.name) in self._in_doubt
        if never_made or in_doubt or isinstance(failure, BuildFailed):
            return
        with suppress(NorthflankError):
            await self._client.delete_job(project, request.name, purpose=Purpose.MONITORING)

    def _forget(self, project: Project, request: JobRequest, missing: NotFound) -> None:
        """Have a lasting job put again that was deleted since this worker put it.

        Raises:
            TakenOver: it is the job of one flow run, put just now: another worker took this one for dead and deleted it,
                so that it cannot be started.
        """
        if not request.lasting:
            raise TakenOver(job=request.name) from missing
        self._put.pop((project, request.name), None)

    async def _put_job(self, project: Project, request: JobRequest, retry: LongRetry) -> None:
        key, fingerprint = (project, request.name), digest(request.body)
        if request.lasting and self._put.get(key) == fingerprint:
            return
        await self._client.put_job(project, request.body)
        if request.builds:
            await ensure_built(self._client, project, request.name, retry=retry, sleep=self._sleep)
        if request.lasting:
            self._put[key] = fingerprint

    async def _find(
        self,
        project: Project,
        request: JobRequest,
        claimed: Claimed,
        retry: LongRetry,
        *,
        since: datetime,
    ) -> JobRun | None:
        """Return the run that the unanswered start made; None if there is none after several looks."""

        async def look() -> list[JobRun]:
            return await unclaimed(
                self._client, project, request.name, claimed=claimed, since=since
            )

        found: list[JobRun] = []
        for seconds in LOOKS_AFTER_SECONDS:
            await self._sleep(seconds)
            found = await retry.call(look)
            # Two unclaimed runs: another worker has just started one and will have recorded it at the next look.
            if len(found) == 1:
                return found[0]
        return found[0] if found else None


async def unclaimed(
    client: NorthflankClient,
    project: Project,
    job: str,
    *,
    claimed: Claimed,
    since: datetime | None = None,
    purpose: Purpose = Purpose.LIFECYCLE,
) -> list[JobRun]:
    """Return the runs of *job* started after *since* that are not *claimed* by a flow run; none if there is no job.

    Active runs come first, oldest first; then concluded ones, latest first.
    """
    try:
        runs = [
            run
            async for run in client.runs(project, job, purpose=purpose)
            if since is None or _started(run) >= since
        ]
    except NotFound:
        return []
    if not runs:
        return []
    taken = await claimed()
    free = sorted((run for run in runs if run.id not in taken), key=_started)
    return [run for run in free if not run.concluded] + [
        run for run in reversed(free) if run.concluded
    ]


def _started(run: JobRun) -> datetime:
    """Return when *run* started; one without a time has only just been created."""
    if not run.started_at:
        return datetime.max.replace(tzinfo=timezone.utc)
    return moment("startedAt", run.started_at)
