"""The Northflank endpoints the worker needs: one method each, over one connection pool, within one rate budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import cast
from urllib.parse import quote

import httpx
from typing_extensions import Self

from prefect_northflank.access import Access
from prefect_northflank.api import Build, Container, Job, JobRun, Json, JsonObject, LogLine, Project
from prefect_northflank.budget import Purpose, RateBudget
from prefect_northflank.errors import (
    ApiError,
    Delivery,
    NorthflankError,
    RateLimited,
    ServerFailed,
    Unreachable,
    error_for,
)
from prefect_northflank.retry import LOOK, ONLY_IF_NOT_DONE, REPEATABLE, RetryPolicy

PAGE = 100
"""Largest page the API gives (docs: pagination)."""

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


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
    ) -> None:
        self.budget = budget or RateBudget()
        self._sleep = sleep
        self._http = httpx.AsyncClient(
            base_url=access.base_url.rstrip("/"),
            headers={"Authorization": f"Bearer {access.token}"},
            timeout=TIMEOUT,
            transport=transport,
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=10),
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
        await self._http.aclose()

    # -- jobs ----------------------------------------------------------------------------------------------

    async def put_job(self, project: Project, body: JsonObject) -> Job:
        """Create the job of this name, or make it equal to *body*: the same done twice."""
        return Job.parse(_object(await self._call("PUT", f"{project.path}/jobs", body=body)))

    async def delete_job(
        self, project: Project, job: str, *, purpose: Purpose = Purpose.LIFECYCLE
    ) -> None:
        """Delete a job with its runs and logs.

        Raises:
            NotFound: there is no such job (any more).
        """
        await self._call("DELETE", f"{project.path}/jobs/{job}", purpose=purpose)

    async def jobs(self, project: Project) -> AsyncIterator[Job]:
        """List all jobs of the project, a call per 100."""
        async for item in self._pages(f"{project.path}/jobs", "jobs"):
            yield Job.parse(item)

    async def builds(self, project: Project, job: str) -> AsyncIterator[Build]:
        """List the builds of a job made from a repository."""
        async for item in self._pages(f"{project.path}/jobs/{job}/build", "builds"):
            yield Build.parse(item)

    async def start_build(self, project: Project, job: str) -> Build:
        """Build the latest commit of the job's branch."""
        return Build.parse(
            _object(await self._call("POST", f"{project.path}/jobs/{job}/build", body={}))
        )

    # -- runs ----------------------------------------------------------------------------------------------

    async def start_run(self, project: Project, job: str, overrides: JsonObject) -> JobRun:
        """Start a run; return what is known of it. Never sent twice unless the first is known not to have arrived.

        Raises:
            ServerFailed, Unreachable: the run may have started or not (`Delivery.UNKNOWN`); look before trying again.
        """
        path = f"{project.path}/jobs/{job}/runs"
        return JobRun.parse(
            _object(await self._call("POST", path, body=overrides, retry=ONLY_IF_NOT_DONE))
        )

    async def runs(
        self, project: Project, job: str, *, purpose: Purpose = Purpose.LIFECYCLE
    ) -> AsyncIterator[JobRun]:
        """List the runs of a job, a call per 100; stop iterating to stop calling."""
        async for item in self._pages(f"{project.path}/jobs/{job}/runs", "runs", purpose=purpose):
            yield JobRun.parse(item)

    async def run(
        self, project: Project, job: str, run: str, *, purpose: Purpose = Purpose.LIFECYCLE
    ) -> JobRun:
        """Read one run."""
        answer = await self._call("GET", f"{project.path}/jobs/{job}/runs/{run}", purpose=purpose)
        return JobRun.parse(_object(answer))

    async def abort_run(self, project: Project, job: str, run: str) -> None:
        """Ask the run to end: its containers get SIGTERM, and SIGKILL after the job's grace period."""
        await self._call("DELETE", f"{project.path}/jobs/{job}/runs/{run}")

    async def containers(self, project: Project, job: str, run: str) -> Sequence[Container]:
        """List the containers of a run; none while it waits for a machine."""
        path = f"{project.path}/jobs/{job}/containers"
        answer = _object(
            await self._call(
                "GET", path, params={"runId": run}, purpose=Purpose.MONITORING, retry=LOOK
            )
        )
        return tuple(Container.parse(item) for item in _objects(answer.get("containers")))

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
        answer = await self._call(
            "GET",
            f"{project.path}/jobs/{job}/logs",
            params=params,
            purpose=Purpose.MONITORING,
            retry=LOOK,
        )
        return tuple(
            sorted((LogLine.parse(item) for item in _objects(answer)), key=lambda line: line.at)
        )

    # -- secrets, plans, account ---------------------------------------------------------------------------

    async def put_secret_group(self, project: Project, body: JsonObject) -> None:
        """Create the secret group of this name, or make it equal to *body*; no error shows a value of it."""
        try:
            await self._call("PUT", f"{project.path}/secrets", body=body)
        except ApiError as error:
            # Northflank may quote what it refuses, and the error goes to the flow run's log.
            values = _object(_object(body.get("secrets")).get("variables")).values()
            raise error.without(str(value) for value in values) from None

    async def secret_group(self, project: Project, group: str) -> JsonObject:
        """Read a secret group: the API's object."""
        return _object(await self._call("GET", f"{project.path}/secrets/{group}"))

    async def create_tag(self, body: JsonObject, *, team: str | None) -> None:
        """Create a tag of the account.

        Raises:
            Conflict: it exists.
        """
        await self._call("POST", _tags(team), body=body)

    async def tag(self, name: str, *, team: str | None) -> JsonObject:
        """Read a tag of the account: the API's object."""
        return _object(await self._call("GET", f"{_tags(team)}/{name}"))

    async def project_name(self, project: Project, *, purpose: Purpose = Purpose.LIFECYCLE) -> str:
        """Read the project's name: the cheapest call that proves token, team and project."""
        return str(
            _object(await self._call("GET", project.path, purpose=purpose)).get("name", project.id)
        )

    async def plans(self) -> Sequence[str]:
        """List the ids of the deployment plans."""
        return tuple(
            str(plan["id"])
            for plan in _objects(_object(await self._call("GET", "/v1/plans")).get("plans"))
        )

    # -- transport -----------------------------------------------------------------------------------------

    async def _pages(
        self, path: str, key: str, *, purpose: Purpose = Purpose.LIFECYCLE
    ) -> AsyncIterator[JsonObject]:
        params = {"per_page": str(PAGE)}
        while True:
            whole = await self._envelope("GET", path, params=params, purpose=purpose)
            for item in _objects(_object(whole.get("data")).get(key)):
                yield item
            pagination = _object(whole.get("pagination"))
            cursor = pagination.get("cursor")
            if not pagination.get("hasNextPage") or not cursor:
                return
            params = {"per_page": str(PAGE), "cursor": str(cursor)}

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: JsonObject | None = None,
        params: dict[str, str] | None = None,
        purpose: Purpose = Purpose.LIFECYCLE,
        retry: RetryPolicy | None = None,
    ) -> Json:
        whole = await self._envelope(
            method, path, body=body, params=params, purpose=purpose, retry=retry
        )
        return whole.get("data")

    async def _envelope(
        self,
        method: str,
        path: str,
        *,
        body: JsonObject | None = None,
        params: dict[str, str] | None = None,
        purpose: Purpose = Purpose.LIFECYCLE,
        retry: RetryPolicy | None = None,
    ) -> JsonObject:
        policy = retry or (REPEATABLE if purpose is Purpose.LIFECYCLE else LOOK)
        request = self._http.build_request(method, path, json=body, params=params)
        attempt = 1
        while True:
            wait = self.budget.admit(purpose)
            if wait:
                await self._sleep(wait)
                continue
            try:
                return await self._once(request, path)
            except NorthflankError as failure:
                # A lifecycle call that is only told to wait does not use up its attempts: waiting is not failing.
                patient = isinstance(failure, RateLimited) and purpose is Purpose.LIFECYCLE
                if not patient and (attempt >= policy.attempts or not policy.may_repeat(failure)):
                    raise
                attempt += 0 if patient else 1
                await self._sleep(policy.wait_seconds(attempt))

    async def _once(self, request: httpx.Request, path: str) -> JsonObject:
        self.budget.sent()
        response: httpx.Response | None = None
        try:
            response = await self._http.send(request)
        except httpx.TransportError as error:
            delivery = Delivery.NOT_SENT if isinstance(error, _NOT_SENT) else Delivery.UNKNOWN
            reason = f"{type(error).__name__} {error}".strip()
            raise Unreachable(
                method=request.method, path=path, delivery=delivery, reason=reason
            ) from error
        finally:
            self.budget.answered(
                response.headers if response is not None else None,
                limited=response is not None
                and response.status_code == httpx.codes.TOO_MANY_REQUESTS,
            )
        return self._read(request, path, response)

    def _read(self, request: httpx.Request, path: str, response: httpx.Response) -> JsonObject:
        try:
            whole = _object(response.json())
        except ValueError:
            whole = {}
        if response.is_success and whole:
            return whole
        failure = error_for(
            # A success without the promised JSON came from something in between: as unknown as a 502.
            status=502 if response.is_success else response.status_code,
            method=request.method,
            path=path,
            message=_message(whole, response),
        )
        if isinstance(failure, RateLimited):
            self.budget.exhausted(_wait_asked_for(response.headers))
        raise failure


def is_ambiguous(failure: NorthflankError) -> bool:
    """Whether a request that failed this way may have taken effect."""
    return isinstance(failure, ServerFailed) or (
        isinstance(failure, Unreachable) and failure.delivery is Delivery.UNKNOWN
    )


def _tags(team: str | None) -> str:
    return f"/v1/teams/{quote(team, safe='')}/tags" if team else "/v1/tags"


def _message(whole: JsonObject, response: httpx.Response) -> str:
    error = _object(whole.get("error"))
    text = str(error.get("message") or response.reason_phrase)
    details = error.get("details")
    return f"{text} {details}" if details else text


def _wait_asked_for(headers: httpx.Headers) -> float | None:
    asked = headers.get("retry-after") or headers.get("x-ratelimit-reset") or ""
    return max(float(asked), 1.0) if asked.isdigit() else None


def _object(value: object) -> JsonObject:
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def _objects(value: object) -> Sequence[JsonObject]:
    return [_object(item) for item in value] if isinstance(value, list) else []
