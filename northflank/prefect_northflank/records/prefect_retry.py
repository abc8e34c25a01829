"""Retries calls to Prefect whose failure is transient: SQLite under load answers 503 for minutes, proxies send pages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from json import JSONDecodeError
from typing import TypeVar

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

from prefect_northflank.loggers import LoggerOrAdapter

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 15.0
LONGEST_NAMED_WAIT_SECONDS = 120.0
"""The longest wait that a Retry-After header can ask for."""

TRIES = 12
"""About two minutes; Prefect's client tries several times in each of them."""

_TRANSIENT = (
    httpx.codes.UNAUTHORIZED,
    httpx.codes.FORBIDDEN,
    httpx.codes.PROXY_AUTHENTICATION_REQUIRED,
    httpx.codes.REQUEST_TIMEOUT,
    httpx.codes.TOO_EARLY,
    httpx.codes.TOO_MANY_REQUESTS,
)

T = TypeVar("T")


def harden_client(client: PrefectClient, log: LoggerOrAdapter) -> None:
    """Make *client* distrust four kinds of responses; a second call changes nothing.

    By itself it waits silently for as long as `Retry-After` says, even a day. It takes any 404, even a proxy's page, to
    mean that a deployment, flow or pool has been deleted, and Prefect's base worker then cancels flow runs. It follows
    a 302, which Prefect's API never sends, to a login page, and takes that page for the response. And it takes a page
    that answers 200 to a write to mean that the write was made.
    """
    hooks = client._client.event_hooks["response"]  # noqa: SLF001  it offers no other access to its HTTP client
    if not any(isinstance(hook, _ResponseHook) for hook in hooks):
        hooks.append(_ResponseHook(log))


class _ResponseHook:
    def __init__(self, log: LoggerOrAdapter) -> None:
        self._log = log
        self._reported = False

    async def __call__(self, response: httpx.Response) -> None:
        content_type = response.headers.get("content-type", "")
        refuses = response.is_client_error and response.status_code not in _TRANSIENT
        is_page = (refuses and "json" not in content_type) or (
            response.is_success and content_type.startswith("text/html")
        )
        if is_page or response.status_code in (httpx.codes.FOUND, httpx.codes.SEE_OTHER):
            response.status_code = httpx.codes.BAD_GATEWAY
        asked = response.headers.get("retry-after")
        if asked is not None and not _is_short(asked):
            response.headers["retry-after"] = f"{LONGEST_NAMED_WAIT_SECONDS:.0f}"
            self._report_once(asked)

    def _report_once(self, asked: str) -> None:
        if not self._reported:
            self._reported = True
            self._log.warning(
                "Prefect's server, or a proxy before it, asks to wait (Retry-After: %.40s); the worker waits %.0f s at most.",
                asked,
                LONGEST_NAMED_WAIT_SECONDS,
            )


def _is_short(asked: str) -> bool:
    """Return whether a wait is a number of seconds within the limit; a date counts as too long."""
    try:
        return float(asked) <= LONGEST_NAMED_WAIT_SECONDS
    except ValueError:
        return False


def is_transient(error: BaseException) -> bool:
    """Return whether the same call to Prefect may succeed later.

    That includes a refusal, because a key may be being replaced, and a response that is cut off or not Prefect's own.
    """
    refused = error.http_exc if isinstance(error, ObjectNotFound) else error
    if isinstance(refused, httpx.HTTPStatusError):
        response = refused.response
        may_change = response.is_server_error or response.status_code in _TRANSIENT
        return may_change or not _is_from_prefect(response)
    return isinstance(error, (httpx.RequestError, JSONDecodeError, UnicodeError, ValidationError))


def _is_from_prefect(response: httpx.Response) -> bool:
    """Return whether a refusal is the server's own, which is a JSON object, and not a proxy's."""
    try:
        return isinstance(response.json(), dict)
    except ValueError:
        return False


async def retry_prefect(
    function: Callable[[], Awaitable[T]],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Return what *function* returns; call it again while its failure is transient.

    Raises:
        Exception: the failure is permanent, or is still there after `TRIES`.
    """
    wait = FIRST_WAIT_SECONDS
    for _ in range(1, TRIES):
        try:
            return await function()
        except Exception as error:
            if not is_transient(error):
                raise
        await sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT_SECONDS)
    return await function()
