"""The Northflank endpoints the worker needs: one method each, over one connection pool, within one rate budget."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from copy import copy
from dataclasses import replace
from types import TracebackType
from typing import TypeVar
from urllib.parse import quote

import httpx
from typing_extensions import Self

from prefect_northflank.api.access import Access
from prefect_northflank.api.answers import (
    Build,
    Container,
    Job,
    JobRun,
    Json,
    JsonObject,
    LogLine,
    Project,
    items,
    plans_of,
    whole,
)
from prefect_northflank.api.budget import Purpose, RateBudget, named_wait
from prefect_northflank.api.plans import Plan
from prefect_northflank.api.retry import LOOK, ONLY_IF_NOT_DONE, REPEATABLE, RetryPolicy
from prefect_northflank.errors import (
    ApiError,
    Delivery,
    Forbidden,
    NorthflankError,
    NotNow,
    RateLimited,
    SenselessAnswer,
    ServerFailed,
    Unauthorized,
    Unreachable,
    error_for,
)

T = TypeVar("T")
_log = logging.getLogger(__name__)

PAGE = 100
"""Largest page the API gives (docs: pagination)."""

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

_BELIEVED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.TOO_MANY_REQUESTS)


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
        self._access = _Current(access)
        self._waits = True
        self._http = httpx.AsyncClient(
            base_url=access.base_url.rstrip("/"),
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

    def at_once(self) -> Self:
        """Return the same client for callers that do the waiting themselves, and say what they wait for.

        It makes a call once, and raises what the call meets; `NotNow` where the rate limit grants none.
        """
        twin = copy(self)
        twin._waits = False  # noqa: SLF001 (of the same class)
        return twin

    def access(self) -> Access:
        """Return how it calls now: its token may have been replaced."""
        return self._access.value

    def renewed_by(self, access: Access) -> None:
        """Remember *access*, an equal one, for where a refused token is read again."""
        self._access.value = replace(self._access.value, again=access.again)

    # -- jobs ----------------------------------------------------------------------------------------------

    async def put_job(self, project: Project, body: JsonObject) -> Job:
        """Create the job of this name, or make it equal to *body*: the same done twice."""
        return await self._call("PUT", f"{project.path}/jobs", read=_job, body=body)

    async def delete_job(
        self, project: Project, job: str, *, purpose: Purpose = Purpose.LIFECYCLE
    ) -> None:
        """Delete a job with its runs and logs.

        Raises:
            NotFound: there is no such job (any more).
        """
        await self._call("DELETE", f"{project.path}/jobs/{job}", read=_nothing, purpose=purpose)

    async def jobs(self, project: Project) -> AsyncIterator[Job]:
        """List all jobs of the project, a call per 100."""
        async for job in self._pages(f"{project.path}/jobs", "jobs", Job.parse):
            yield job

    async def builds(self, project: Project, job: str) -> AsyncIterator[Build]:
        """List the builds of a job made from a repository."""
        async for build in self._pages(f"{project.path}/jobs/{job}/build", "builds", Build.parse):
            yield build

    async def start_build(self, project: Project, job: str) -> Build:
        """Build the latest commit of the job's branch."""
        path = f"{project.path}/jobs/{job}/build"
        return await self._call("POST", path, read=_build, body={})

    # -- runs ----------------------------------------------------------------------------------------------

    async def start_run(self, project: Project, job: str, overrides: JsonObject) -> JobRun:
        """Start a run; return what is known of it. Never sent twice unless the first is known not to have arrived.

        Raises:
            ServerFailed, Unreachable, SenselessAnswer: the run may have started or not (`is_ambiguous`);
                look before trying again.
        """
        path = f"{project.path}/jobs/{job}/runs"
        return await self._call("POST", path, read=_run, body=overrides, retry=ONLY_IF_NOT_DONE)

    async def runs(
        self, project: Project, job: str, *, purpose: Purpose = Purpose.LIFECYCLE
    ) -> AsyncIterator[JobRun]:
        """List the runs of a job, a call per 100; stop iterating to stop calling."""
        path = f"{project.path}/jobs/{job}/runs"
        async for run in self._pages(path, "runs", JobRun.parse, purpose=purpose):
            yield run

    async def run(
        self, project: Project, job: str, run: str, *, purpose: Purpose = Purpose.LIFECYCLE
    ) -> JobRun:
        """Read one run."""
        path = f"{project.path}/jobs/{job}/runs/{run}"
        return await self._call("GET", path, read=_run, purpose=purpose)

    async def abort_run(self, project: Project, job: str, run: str) -> None:
        """Ask the run to end: its containers get SIGTERM, and SIGKILL after the job's grace period."""
        await self._call("DELETE", f"{project.path}/jobs/{job}/runs/{run}", read=_nothing)

    async def containers(self, project: Project, job: str, run: str) -> Sequence[Container]:
        """List the containers of a run; none while it waits for a machine."""
        path = f"{project.path}/jobs/{job}/containers"
        return await self._call(
            "GET",
            path,
            read=_containers,
            params={"runId": run},
            purpose=Purpose.MONITORING,
            retry=LOOK,
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
        return await self._call(
            "GET",
            f"{project.path}/jobs/{job}/logs",
            read=_log_lines,
            params=params,
            purpose=Purpose.MONITORING,
            retry=LOOK,
        )

    # -- secrets, plans, account ---------------------------------------------------------------------------

    async def put_secret_group(self, project: Project, body: JsonObject) -> None:
        """Create the secret group of this name, or make it equal to *body*; no error shows a value of it."""
        try:
            await self._call("PUT", f"{project.path}/secrets", read=_nothing, body=body)
        except ApiError as error:
            # Northflank may quote what it refuses, and the error goes to the flow run's log.
            values = _object(_object(body.get("secrets")).get("variables")).values()
            raise error.without(str(value) for value in values) from None

    async def secret_group(self, project: Project, group: str) -> JsonObject:
        """Read a secret group: the API's object."""
        return await self._call("GET", f"{project.path}/secrets/{group}", read=whole)

    async def create_tag(self, body: JsonObject, *, team: str | None) -> None:
        """Create a tag of the account.

        Raises:
            Conflict: it exists.
        """
        await self._call("POST", _tags(team), read=_nothing, body=body)

    async def tag(self, name: str, *, team: str | None) -> JsonObject:
        """Read a tag of the account: the API's object."""
        return await self._call("GET", f"{_tags(team)}/{name}", read=_object)

    async def project_name(self, project: Project, *, purpose: Purpose = Purpose.LIFECYCLE) -> str:
        """Read the project's name: the cheapest call that proves token, team and project."""
        found = await self._call("GET", project.path, read=whole, purpose=purpose)
        return str(found.get("name", project.id))

    async def plans(self) -> Sequence[Plan]:
        """List the deployment plans."""
        return await self._call("GET", "/v1/plans", read=plans_of)

    # -- transport -----------------------------------------------------------------------------------------

    async def _pages(
        self,
        path: str,
        key: str,
        read: Callable[[JsonObject], T],
        *,
        purpose: Purpose = Purpose.LIFECYCLE,
    ) -> AsyncIterator[T]:
        def page(answer: JsonObject) -> tuple[Sequence[T], str | None]:
            found = [read(item) for item in items(whole(answer.get("data")).get(key), key)]
            return found, _cursor(answer, cursor)

        cursor: str | None = None
        while True:
            params = {"per_page": str(PAGE)} | ({"cursor": cursor} if cursor else {})
            found, cursor = await self._envelope(
                "GET", path, read=page, params=params, purpose=purpose
            )
            for it in found:
                yield it
            if cursor is None:
                return

    async def _call(  # noqa: PLR0913 (what a request is made of)
        self,
        method: str,
        path: str,
        *,
        read: Callable[[Json], T],
        body: JsonObject | None = None,
        params: dict[str, str] | None = None,
        purpose: Purpose = Purpose.LIFECYCLE,
        retry: RetryPolicy | None = None,
    ) -> T:
        """Call, and return what *read* finds in the answer's data; what it cannot read is a failure like others."""
        return await self._envelope(
            method,
            path,
            read=lambda answer: read(_data(answer)),
            body=body,
            params=params,
            purpose=purpose,
            retry=retry,
        )

    async def _envelope(  # noqa: PLR0913 (what a request is made of)
        self,
        method: str,
        path: str,
        *,
        read: Callable[[JsonObject], T],
        body: JsonObject | None = None,
        params: dict[str, str] | None = None,
        purpose: Purpose = Purpose.LIFECYCLE,
        retry: RetryPolicy | None = None,
    ) -> T:
        policy = retry or (REPEATABLE if purpose is Purpose.LIFECYCLE else LOOK)
        request = self._http.build_request(method, path, json=body, params=params)
        attempt = 1
        while True:
            wait = self.budget.admit(purpose)
            if wait and not self._waits:
                raise NotNow(seconds=wait)
            if wait:
                if self.budget.is_news():
                    _log.warning("Northflank's rate limit is used up; calls wait %.0f s.", wait)
                await self._sleep(wait)
                continue
            try:
                return await self._with_a_token_that_holds(request, path, read)
            except NorthflankError as failure:
                # A lifecycle call that is only told to wait does not use up its attempts: waiting is not failing.
                patient = isinstance(failure, RateLimited) and purpose is Purpose.LIFECYCLE
                spent = attempt >= policy.attempts or not policy.may_repeat(failure)
                if not self._waits or (spent and not patient):
                    raise
                attempt += 0 if patient else 1
                await self._sleep(policy.wait_seconds(attempt))

    async def _with_a_token_that_holds(
        self, request: httpx.Request, path: str, read: Callable[[JsonObject], T]
    ) -> T:
        """Call; once more if the token was refused and is another one by now. A refused call was not carried out."""
        token = self._access.value.token
        try:
            return await self._once(request, path, read, token)
        except (Unauthorized, Forbidden):
            renewed = await self._access.read_again(refused=token)
            if renewed == token:
                raise
        return await self._once(request, path, read, renewed)

    async def _once(
        self, request: httpx.Request, path: str, read: Callable[[JsonObject], T], token: str
    ) -> T:
        self.budget.sent()
        request.headers["Authorization"] = f"Bearer {token}"
        response: httpx.Response | None = None
        try:
            response = await self._http.send(request)
        except httpx.DecodingError as error:
            raise SenselessAnswer(
                call=f"{request.method} {path}", why=f"it cannot be decoded ({error})"
            ) from error
        except httpx.RequestError as error:
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
        answer = self._read(request, path, response)
        try:
            return read(answer)
        except SenselessAnswer as error:
            raise SenselessAnswer(call=f"{request.method} {path}", why=error.why) from error

    def _read(self, request: httpx.Request, path: str, response: httpx.Response) -> JsonObject:
        try:
            answer = _object(response.json())
        except (ValueError, RecursionError):
            answer = {}
        if response.is_success and answer:
            return answer
        failure = error_for(
            status=response.status_code if answer else _status_of_something_else(response),
            method=request.method,
            path=path,
            message=_message(answer, response),
        )
        if isinstance(failure, RateLimited):
            self.budget.exhausted(_wait_asked_for(response.headers))
        raise failure


class _Current:
    """The access a client and its twins use now; its token can be replaced while it is in use."""

    def __init__(self, access: Access) -> None:
        self.value = access
        self._reading = asyncio.Lock()

    async def read_again(self, *, refused: str) -> str:
        """Return the token as it is by now; *refused* if it is still that one, or cannot be read again."""
        async with self._reading:
            if self.value.token == refused and self.value.again is not None:
                self.value = replace(self.value, token=await self.value.again() or refused)
        return self.value.token


def is_ambiguous(failure: NorthflankError) -> bool:
    """Whether a request that failed this way may have taken effect."""
    return isinstance(failure, (ServerFailed, SenselessAnswer)) or (
        isinstance(failure, Unreachable) and failure.delivery is Delivery.UNKNOWN
    )


def _tags(team: str | None) -> str:
    return f"/v1/teams/{quote(team, safe='')}/tags" if team else "/v1/tags"


def _status_of_something_else(response: httpx.Response) -> int:
    """Return what an answer counts as that is not the API's, which is always a JSON object.

    Something in between answered: as unknown as a 502, whatever its status. That it asks for patience, a login or an
    other address is believed.
    """
    believed = response.status_code in _BELIEVED or response.is_redirect or response.is_server_error
    return response.status_code if believed else httpx.codes.BAD_GATEWAY


def _data(answer: JsonObject) -> Json:
    if "data" not in answer:
        raise SenselessAnswer(why="there is no data in it")
    return answer["data"]


def _cursor(answer: JsonObject, before: str | None) -> str | None:
    """Return where the next page begins; None after the last one.

    Raises:
        SenselessAnswer: there is another page, and it does not say where.
    """
    pagination = _object(answer.get("pagination"))
    if not pagination.get("hasNextPage"):
        return None
    cursor = pagination.get("cursor")
    if not isinstance(cursor, str) or cursor in ("", before):
        raise SenselessAnswer(why="it does not say where its next page begins")
    return cursor


def _message(answer: JsonObject, response: httpx.Response) -> str:
    error = _object(answer.get("error"))
    text = str(error.get("message") or response.reason_phrase)
    details = _unsaid(error.get("details"), text)
    said = f"{text} {details}" if details else text
    if not answer and response.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
        said = f"{said} ({response.status_code}, not in the API's words)"
    return said


def _unsaid(details: object, text: str) -> object:
    """Return what Northflank adds to its message; None where the message says all of it."""
    if not isinstance(details, dict):
        return details
    problems = [
        (field, problem)
        for field, several in details.items()
        for problem in (several if isinstance(several, list) else [several])
    ]
    is_said = all(field in text and str(problem) in text for field, problem in problems)
    return None if is_said else details


def _wait_asked_for(headers: httpx.Headers) -> float | None:
    for name in ("retry-after", "x-ratelimit-reset"):
        seconds = named_wait(headers.get(name, ""))
        if seconds is not None:
            return max(seconds, 1.0)
    return None


def _nothing(_: Json) -> None:
    """Want nothing of the answer but that it is one."""


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


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
