"""Starts a job run exactly once, also when the answer to the start got lost."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from prefect_northflank.api.budget import Purpose
from prefect_northflank.api.client import NorthflankClient, is_ambiguous
from prefect_northflank.api.responses import JobRun, Project, moment
from prefect_northflank.api.retry import FailureStreak, LongRetry
from prefect_northflank.errors import (
    ApiError,
    BuildFailed,
    NorthflankError,
    NotFound,
    StartInDoubt,
    TakenOver,
)
from prefect_northflank.job.definition import JobRequest, digest
from prefect_northflank.start.image_builds import ensure_built, refused_for_want_of_a_build

LOOKS_AFTER_SECONDS = (1.0, 2.0, 4.0, 8.0)
"""When to look for a run whose start got no answer: it may appear in the list a little later."""

PUTS = 6
"""How often a lasting job that others delete is put again for one start."""

CLOCKS_DIFFER_BY = timedelta(minutes=2)
"""How far Northflank's clock may be from ours."""

Claimed = Callable[[], Awaitable[Collection[str]]]
"""Asks which runs of the job belong to flow runs we know."""

StillOurs = Callable[[], Awaitable[None]]
"""Raises `TakenOver` if the flow run is no longer ours to start."""


async def _for_sure() -> None:
    """Say that nobody else can start it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _PrefectChecks:
    """What only Prefect's records can answer."""

    claimed: Claimed
    still_ours: StillOurs


class JobStarter:
    """Creates jobs and starts their runs for one account; each start waits for trouble to pass as it may."""

    def __init__(
        self, client: NorthflankClient, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """*client* makes each call once (`without_waiting`)."""
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
        patience: LongRetry,
        claimed: Claimed,
        still_ours: StillOurs = _for_sure,
    ) -> JobRun:
        """Create the job if need be, start one run of it, return that run.

        *claimed* is asked only when a start got no answer, to tell our run from those of other flow runs.
        *still_ours* is asked when the job is there, right before each request to start it.
        Starts of one lasting job go one after the other, so that at most one of ours is ever in doubt; one that only
        waits for trouble to pass keeps no other waiting, each says for itself what it waits for.
        """
        ask = _PrefectChecks(claimed=claimed, still_ours=still_ours)
        if request.lasting:
            return await self._start(project, request, ask, patience)
        try:
            return await self._start(project, request, ask, patience)
        except NorthflankError as failure:
            await self._remove_if_not_started(project, request, failure)
            raise
        finally:
            self._in_doubt.discard((project, request.name))

    async def _start(
        self, project: Project, request: JobRequest, ask: _PrefectChecks, patience: LongRetry
    ) -> JobRun:
        putting, starting, gone = FailureStreak(patience), FailureStreak(patience), 0
        while True:
            trouble = putting
            try:
                # Nothing is waited for in here but the job's build, and the look for a start in doubt.
                async with self._alone(project, request):
                    await self._put_job(project, request, patience)
                    putting, trouble = FailureStreak(patience), starting
                    await ask.still_ours()
                    return await self._start_once(project, request, ask, patience)
            except NotFound as missing:
                gone += 1
                if trouble is not starting or gone == PUTS:
                    raise
                self._forget(project, request, missing)
            except NorthflankError as failure:
                await trouble.outlast(failure)

    def _alone(self, project: Project, request: JobRequest) -> AbstractAsyncContextManager[None]:
        return self._locks[project, request.name] if request.lasting else nullcontext()

    async def _start_once(
        self, project: Project, request: JobRequest, ask: _PrefectChecks, patience: LongRetry
    ) -> JobRun:
        """Ask for a run once; where the answer tells nothing, return the run if there is one.

        Raises:
            StartInDoubt: the answer tells nothing, and whether there is a run cannot be seen.
        """
        began = datetime.now(timezone.utc)
        try:
            with refused_for_want_of_a_build(request):
                return await self._client.start_run(project, request.name, request.overrides)
        except NorthflankError as failure:
            if not is_ambiguous(failure):
                raise
            self._in_doubt.add((project, request.name))
            since = began - CLOCKS_DIFFER_BY
            try:
                found = await self._find(project, request, ask.claimed, patience, since=since)
            except NorthflankError as unseen:
                raise StartInDoubt(job=request.name, start=failure, look=unseen) from failure
            if found is None:
                raise
            return found

    async def _remove_if_not_started(
        self, project: Project, request: JobRequest, failure: NorthflankError
    ) -> None:
        """Delete the job of one flow run if surely nothing was started in it.

        The janitor deletes the others later: what may have been started, and what has the log of a failed build.
        """
        never_made = isinstance(failure, ApiError) and failure.method == "PUT"
        in_doubt = (project, request.name) in self._in_doubt
        if never_made or in_doubt or isinstance(failure, BuildFailed):
            return
        with suppress(NorthflankError):
            await self._client.delete_job(project, request.name, purpose=Purpose.MONITORING)

    def _forget(self, project: Project, request: JobRequest, gone: NotFound) -> None:
        """Put a lasting job again that somebody deleted since we put it.

        Raises:
            TakenOver: it is the job of one flow run, put just now: a caretaker took us for dead and deleted it, so
                that it cannot be started.
        """
        if not request.lasting:
            raise TakenOver(job=request.name) from gone
        self._put.pop((project, request.name), None)

    async def _put_job(self, project: Project, request: JobRequest, patience: LongRetry) -> None:
        key, fingerprint = (project, request.name), digest(request.body)
        if request.lasting and self._put.get(key) == fingerprint:
            return
        await self._client.put_job(project, request.body)
        if request.builds:
            await ensure_built(
                self._client, project, request.name, patience=patience, sleep=self._sleep
            )
        if request.lasting:
            self._put[key] = fingerprint

    async def _find(
        self,
        project: Project,
        request: JobRequest,
        claimed: Claimed,
        patience: LongRetry,
        *,
        since: datetime,
    ) -> JobRun | None:
        """Return the run our unanswered start made; None if there is none after several looks."""

        async def look() -> list[JobRun]:
            return await unclaimed(
                self._client, project, request.name, claimed=claimed, since=since
            )

        found: list[JobRun] = []
        for seconds in LOOKS_AFTER_SECONDS:
            await self._sleep(seconds)
            found = await patience.through(look)
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
    """Return the runs of *job* that belong to no flow run we know, started after *since*; none if there is no job.

    Those that go on come first, oldest first; then those that are over, latest first.
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
    ours = sorted((run for run in runs if run.id not in taken), key=_started)
    return [run for run in ours if not run.concluded] + [
        run for run in reversed(ours) if run.concluded
    ]


def _started(run: JobRun) -> datetime:
    """Return when *run* started; one without a time has just been made."""
    if not run.started_at:
        return datetime.max.replace(tzinfo=timezone.utc)
    return moment("startedAt", run.started_at)
