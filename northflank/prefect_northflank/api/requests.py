"""Sends requests to Northflank's API: within the rate budget, repeated where that is safe, with a token that is renewed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from copy import copy
from typing import TypeAlias, TypeVar

import httpx
from typing_extensions import Self

from prefect_northflank.api.access import Access, RenewableAccess
from prefect_northflank.api.budget import Purpose, RateBudget, named_wait
from prefect_northflank.api.responses import Json, JsonObject, items, object_or_empty, whole
from prefect_northflank.api.retry import POLL, REPEATABLE, RetryPolicy
from prefect_northflank.errors import (
    Delivery,
    Forbidden,
    MalformedResponse,
    NoCallsLeft,
    NorthflankError,
    RateLimited,
    Unauthorized,
    Unreachable,
    error_for,
)

T = TypeVar("T")
Params: TypeAlias = Mapping[str, str | Sequence[str]]
"""The query of a call; several values repeat their name."""

_log = logging.getLogger(__name__)

PAGE = 100
"""Largest page the API gives (docs: pagination)."""

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

_TRUSTED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.TOO_MANY_REQUESTS)
"""Statuses that count even if the response is not the API's own: they ask for a login, or for patience."""


class ApiRequests:
    """The requests of one account, over one connection pool; safe for many concurrent tasks."""

    def __init__(
        self,
        access: Access,
        *,
        transport: httpx.AsyncBaseTransport | None,
        budget: RateBudget,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_retry: Callable[[NorthflankError], None] | None = None,
    ) -> None:
        self.access = RenewableAccess(access)
        self.budget = budget
        self._sleep = sleep
        self._on_retry = on_retry
        self._waits = True
        self._http = httpx.AsyncClient(
            base_url=access.base_url.rstrip("/"),
            timeout=TIMEOUT,
            transport=transport,
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=10),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def without_waiting(self) -> Self:
        """Return the same requests, each made once: no wait for the rate limit, no second attempt."""
        twin = copy(self)
        twin._waits = False  # noqa: SLF001  of the same class
        return twin

    async def call(  # noqa: PLR0913  the parts of a request
        self,
        method: str,
        path: str,
        *,
        read: Callable[[Json], T],
        body: JsonObject | None = None,
        params: Params | None = None,
        purpose: Purpose = Purpose.LIFECYCLE,
        retry: RetryPolicy | None = None,
    ) -> T:
        """Return what *read* finds in the response's data; a response that it cannot read is a failure like any other."""
        return await self._send(
            method,
            path,
            read=lambda answer: read(_data(answer)),
            body=body,
            params=params,
            purpose=purpose,
            retry=retry,
        )

    async def pages(
        self,
        path: str,
        key: str,
        read: Callable[[JsonObject], T],
        *,
        purpose: Purpose = Purpose.LIFECYCLE,
    ) -> AsyncIterator[T]:
        """Yield what *read* finds in each item of the list that the API calls *key*, page after page."""

        def page(answer: JsonObject) -> tuple[Sequence[T], str | None]:
            found = [read(item) for item in items(whole(answer.get("data")).get(key), key)]
            return found, _cursor(answer, cursor)

        cursor: str | None = None
        while True:
            params = {"per_page": str(PAGE)} | ({"cursor": cursor} if cursor else {})
            found, cursor = await self._send("GET", path, read=page, params=params, purpose=purpose)
            for it in found:
                yield it
            if cursor is None:
                return

    async def _send(  # noqa: PLR0913  the parts of a request
        self,
        method: str,
        path: str,
        *,
        read: Callable[[JsonObject], T],
        body: JsonObject | None = None,
        params: Params | None = None,
        purpose: Purpose = Purpose.LIFECYCLE,
        retry: RetryPolicy | None = None,
    ) -> T:
        policy = retry or (REPEATABLE if purpose is Purpose.LIFECYCLE else POLL)
        request = self._http.build_request(method, path, json=body, params=params)
        attempt = 1
        while True:
            wait = self.budget.admit(purpose)
            if wait and not self._waits:
                raise NoCallsLeft(seconds=wait)
            if wait:
                if self.budget.first_wait():
                    _log.warning("Northflank's rate limit is used up; calls wait %.0f s.", wait)
                await self._sleep(wait)
                continue
            try:
                return await self._with_valid_token(request, path, read)
            except NorthflankError as failure:
                # A lifecycle call that is only asked to wait does not use up its attempts: waiting is not failing.
                only_waits = isinstance(failure, RateLimited) and purpose is Purpose.LIFECYCLE
                spent = attempt >= policy.attempts or not policy.may_repeat(failure)
                if not self._waits or (spent and not only_waits):
                    raise
                attempt += 0 if only_waits else 1
                if self._on_retry is not None:
                    self._on_retry(failure)
                await self._sleep(policy.wait_seconds(attempt))

    async def _with_valid_token(
        self, request: httpx.Request, path: str, read: Callable[[JsonObject], T]
    ) -> T:
        """Send the request; send it again if the token was refused and has been replaced. A refused call did nothing."""
        token = self.access.value.token
        try:
            return await self._once(request, path, read, token)
        except (Unauthorized, Forbidden):
            renewed = await self.access.renewed_token(refused=token)
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
            raise MalformedResponse(
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
        except MalformedResponse as error:
            raise MalformedResponse(call=f"{request.method} {path}", why=error.why) from error

    def _read(self, request: httpx.Request, path: str, response: httpx.Response) -> JsonObject:
        try:
            answer = object_or_empty(response.json())
        except (ValueError, RecursionError):
            answer = {}
        if response.is_success and answer:
            return answer
        failure = error_for(
            status=response.status_code if answer else _status_behind_proxy(response),
            method=request.method,
            path=path,
            message=_message(answer, response),
        )
        if isinstance(failure, RateLimited):
            self.budget.exhausted(_wait_asked_for(response.headers))
        raise failure


def _status_behind_proxy(response: httpx.Response) -> int:
    """Return the status that stands for a response without a JSON object: a proxy sent it, not the API.

    The outcome is as unknown as after a 502. Only a request to wait, to log in or to go elsewhere is taken at its word.
    """
    trusted = response.status_code in _TRUSTED or response.is_redirect or response.is_server_error
    return response.status_code if trusted else httpx.codes.BAD_GATEWAY


def _data(answer: JsonObject) -> Json:
    if "data" not in answer:
        raise MalformedResponse(why="it has no data")
    return answer["data"]


def _cursor(answer: JsonObject, before: str | None) -> str | None:
    """Return the cursor of the next page; None after the last one.

    Raises:
        MalformedResponse: there is another page, but no new cursor.
    """
    pagination = object_or_empty(answer.get("pagination"))
    if not pagination.get("hasNextPage"):
        return None
    cursor = pagination.get("cursor")
    if not isinstance(cursor, str) or cursor in ("", before):
        raise MalformedResponse(why="it has no cursor of the next page")
    return cursor


def _message(answer: JsonObject, response: httpx.Response) -> str:
    error = object_or_empty(answer.get("error"))
    text = str(error.get("message") or response.reason_phrase)
    details = _new_details(error.get("details"), text)
    said = f"{text} {details}" if details else text
    if not answer and response.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
        said = f"{said} ({response.status_code}, not from the API)"
    return said


def _new_details(details: object, text: str) -> object:
    """Return the details that Northflank's message does not repeat; None if it repeats all of them."""
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
