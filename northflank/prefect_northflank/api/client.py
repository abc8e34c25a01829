"""The Northflank endpoints the worker needs, one method each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from copy import copy
from dataclasses import replace
from types import TracebackType
from urllib.parse import quote

import httpx
from typing_extensions import Self

from prefect_northflank.api.access import Access
from prefect_northflank.api.budget import Purpose, RateBudget
from prefect_northflank.api.plans import Plan
from prefect_northflank.api.requests import ApiRequests
from prefect_northflank.api.responses import (
    Build,
    Container,
    ContainerMetrics,
    Job,
    JobRun,
    Json,
    JsonObject,
    LogLine,
    Project,
    items,
    object_or_empty,
    plans_of,
    whole,
)
from prefect_northflank.api.retry import IF_NOT_SENT, POLL
from prefect_northflank.errors import ApiError, NorthflankError


class NorthflankClient:
    """Calls the API as one account. Use as an async context manager; safe for many concurrent tasks.

    Every method raises the subclasses of `NorthflankError` that its call can meet.
    """

    def __init__(
        self,
        access: Access,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        budget: RateBudget | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_retry: Callable[[NorthflankError], None] | None = None,
    ) -> None:
        """Call the API with *access*; *on_retry* gets each failure after which a call is tried again."""
        self.budget = budget or RateBudget()
        self._requests = ApiRequests(
            access, transport=transport, budget=self.budget, sleep=sleep, on_retry=on_retry
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._requests.close()

    def without_waiting(self) -> Self:
        """Return the same client for callers that do the waiting themselves, and log what they wait for.

        It makes each call once and raises what goes wrong, `NoCallsLeft` if the rate limit grants none.
        """
        twin = copy(self)
        twin._requests = self._requests.without_waiting()  # noqa: SLF001  of the same class
        return twin

    def access(self) -> Access:
        """Return the access in use; its token may have been replaced since the client was made."""
        return self._requests.access.value

    def update_token_source(self, access: Access) -> None:
        """Remember *access*, an equal one, as the source from which a refused token is read again."""
        current = self._requests.access
        current.value = replace(current.value, reread_token=access.reread_token)

    # -- jobs ----------------------------------------------------------------------------------------------

    async def put_job(self, project: Project, body: JsonObject) -> Job:
        """Create the job of this name, or make it equal to *body* (idempotent)."""
        return await self._requests.call("PUT", f"{project.path}/jobs", read=_job, body=body)

    async def delete_job(
        self, project: Project, job: str, *, purpose: Purpose = Purpose.LIFECYCLE
    ) -> None:
        """Delete a job with its runs and logs.

        Raises:
            NotFound: there is no such job, or not any more.
        """
        await self._requests.call(
            "DELETE", f"{project.path}/jobs/{job}", read=_nothing, purpose=purpose
        )

    async def jobs(self, project: Project) -> AsyncIterator[Job]:
        """List all jobs of the project, with one call per 100."""
        async for job in self._requests.pages(f"{project.path}/jobs", "jobs", Job.parse):
            yield job

    async def builds(self, project: Project, job: str) -> AsyncIterator[Build]:
        """List the builds of a job made from a repository."""
        async for build in self._requests.pages(
            f"{project.path}/jobs/{job}/build", "builds", Build.parse
        ):
            yield build

    async def start_build(self, project: Project, job: str) -> Build:
        """Build the latest commit of the job's branch."""
        path = f"{project.path}/jobs/{job}/build"
        return await self._requests.call("POST", path, read=_build, body={})

    # -- runs ----------------------------------------------------------------------------------------------

    async def start_run(self, project: Project, job: str, overrides: JsonObject) -> JobRun:
        """Start a run and return it. The request is repeated only if it is certain that the first did not arrive.

        Raises:
            ServerFailed, Unreachable, MalformedResponse: the run may have started or not (`is_ambiguous`);
                look for it before trying again.
        """
        path = f"{project.path}/jobs/{job}/runs"
        return await self._requests.call("POST", path, read=_run, body=overrides, retry=IF_NOT_SENT)

    async def runs(
        self, project: Project, job: str, *, purpose: Purpose = Purpose.LIFECYCLE
    ) -> AsyncIterator[JobRun]:
        """List the runs of a job, with one call per 100; stop iterating to stop calling."""
        path = f"{project.path}/jobs/{job}/runs"
        async for run in self._requests.pages(path, "runs", JobRun.parse, purpose=purpose):
            yield run

    async def run(
        self, project: Project, job: str, run: str, *, purpose: Purpose = Purpose.LIFECYCLE
    ) -> JobRun:
        """Read one run."""
        path = f"{project.path}/jobs/{job}/runs/{run}"
        return await self._requests.call("GET", path, read=_run, purpose=purpose)

    async def abort_run(self, project: Project, job: str, run: str) -> None:
        """Ask the run to end: its containers get SIGTERM, and SIGKILL after the job's grace period."""
        await self._requests.call("DELETE", f"{project.path}/jobs/{job}/runs/{run}", read=_nothing)

    async def containers(self, project: Project, job: str, run: str) -> Sequence[Container]:
        """List the containers of a run; none while it waits for a machine."""
        path = f"{project.path}/jobs/{job}/containers"
        return await self._requests.call(
            "GET",
            path,
            read=_containers,
            params={"runId": run},
            purpose=Purpose.MONITORING,
            retry=POLL,
        )

    async def log_lines(
        self, project: Project, job: str, run: str, *, last: int
    ) -> Sequence[LogLine]:
        """Read the *last* lines a run wrote, oldest first."""
        params = {
            "queryType": "range",
            "runId": run,
            "type": "runtime",
            "lineLimit": str(last),
            "direction": "backward",
        }
        return await self._requests.call(
            "GET",
            f"{project.path}/jobs/{job}/logs",
            read=_log_lines,
            params=params,
            purpose=Purpose.MONITORING,
            retry=POLL,
        )

    async def metrics(
        self, project: Project, job: str, run: str, *, seen: JobRun | None
    ) -> ContainerMetrics:
        """Read what the containers of a run used, from its beginning to its end if it was *seen* to have ended.

        Otherwise in the last minutes: the API's default is 20 of them.
        """
        params: dict[str, str | Sequence[str]] = {
            "queryType": "range",
            "metricTypes": ("cpu", "memory"),
            "runId": run,
        }
        if seen is not None and seen.started_at and seen.concluded_at:
            params |= {"startTime": seen.started_at, "endTime": seen.concluded_at}
        return await self._requests.call(
            "GET",
            f"{project.path}/jobs/{job}/metrics",
            read=lambda answer: ContainerMetrics.parse(object_or_empty(answer)),
            params=params,
            purpose=Purpose.MONITORING,
            retry=POLL,
        )

    # -- secrets, plans, account ---------------------------------------------------------------------------

    async def put_secret_group(self, project: Project, body: JsonObject) -> None:
        """Create the secret group of this name, or make it equal to *body*; errors do not show its values."""
        try:
            await self._requests.call("PUT", f"{project.path}/secrets", read=_nothing, body=body)
        except ApiError as error:
            # Northflank may quote what it rejects, and the error goes to the flow run's log.
            values = object_or_empty(object_or_empty(body.get("secrets")).get("variables")).values()
            raise error.without(str(value) for value in values) from None

    async def secret_group(self, project: Project, group: str) -> JsonObject:
        """Read a secret group: the API's object."""
        return await self._requests.call("GET", f"{project.path}/secrets/{group}", read=whole)

    async def create_tag(self, body: JsonObject, *, team: str | None) -> None:
        """Create a tag of the account.

        Raises:
            Conflict: it exists.
        """
        await self._requests.call("POST", _tags(team), read=_nothing, body=body)

    async def tag(self, name: str, *, team: str | None) -> JsonObject:
        """Read a tag of the account: the API's object."""
        return await self._requests.call("GET", f"{_tags(team)}/{name}", read=object_or_empty)

    async def project_name(self, project: Project, *, purpose: Purpose = Purpose.LIFECYCLE) -> str:
        """Read the project's name: the cheapest call that proves token, team and project."""
        found = await self._requests.call("GET", project.path, read=whole, purpose=purpose)
        return str(found.get("name", project.id))

    async def plans(self) -> Sequence[Plan]:
        """List the deployment plans."""
        return await self._requests.call("GET", "/v1/plans", read=plans_of)


def _tags(team: str | None) -> str:
    return f"/v1/teams/{quote(team, safe='')}/tags" if team else "/v1/tags"


def _nothing(_: Json) -> None:
    """Ignore the data of the response."""


def _job(answer: Json) -> Job:
    return Job.parse(whole(answer))


def _build(answer: Json) -> Build:
    return Build.parse(whole(answer))


def _run(answer: Json) -> JobRun:
    return JobRun.parse(whole(answer))


def _containers(answer: Json) -> Sequence[Container]:
    return tuple(map(Container.parse, items(whole(answer).get("containers"), "containers")))


def _log_lines(answer: Json) -> Sequence[LogLine]:
    return tuple(sorted(map(LogLine.parse, items(answer, "log lines")), key=lambda line: line.at))
