"""Asking Prefect again when it does not answer now, or something else does: SQLite under load says 503 for minutes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from json import JSONDecodeError
from typing import TypeAlias, TypeVar

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 15.0
LONGEST_NAMED_WAIT_SECONDS = 120.0
"""What we wait for because an answer says so."""

TRIES = 12
"""About two minutes; Prefect's client tries each of them several times itself."""

_TRANSIENT = (
    httpx.codes.UNAUTHORIZED,
    httpx.codes.FORBIDDEN,
    httpx.codes.PROXY_AUTHENTICATION_REQUIRED,
    httpx.codes.REQUEST_TIMEOUT,
    httpx.codes.TOO_EARLY,
    httpx.codes.TOO_MANY_REQUESTS,
)

T = TypeVar("T")
Log: TypeAlias = "logging.Logger | logging.LoggerAdapter[logging.Logger]"


def harden_client(client: PrefectClient, log: Log) -> None:
    """Have *client* not believe three things that an answer can say; a second call changes nothing.

    It would wait as long as `Retry-After` says, be it a day, and say nothing. It takes any 404, a proxy's page too, for
    the word that a deployment, flow or pool has been deleted, upon which Prefect's base worker cancels flow runs. And it
    follows a 302, which no API of Prefect answers, to a login page, and takes what is there for the answer.
    """
    hooks = client._client.event_hooks["response"]  # noqa: SLF001 (it offers no other way to its HTTP client)
    if not any(isinstance(hook, _Critic) for hook in hooks):
        hooks.append(_Critic(log))


class _Critic:
    def __init__(self, log: Log) -> None:
        self._log = log
        self._said = False

    async def __call__(self, response: httpx.Response) -> None:
        refuses = response.is_client_error and response.status_code not in _TRANSIENT
        is_page = refuses and "json" not in response.headers.get("content-type", "")
        if is_page or response.status_code in (httpx.codes.FOUND, httpx.codes.SEE_OTHER):
            response.status_code = httpx.codes.BAD_GATEWAY
        asked = response.headers.get("retry-after")
        if asked is not None and not _is_short(asked):
            response.headers["retry-after"] = f"{LONGEST_NAMED_WAIT_SECONDS:.0f}"
            self._say(asked)

    def _say(self, asked: str) -> None:
        if not self._said:
            self._said = True
            self._log.warning(
                "Prefect's server (or something before it) asks to wait, Retry-After: %.40s; we wait %.0f s at most.",
                asked,
                LONGEST_NAMED_WAIT_SECONDS,
            )


def _is_short(asked: str) -> bool:
    """Whether a wait is a number of seconds within the longest we wait; a date is not looked at, it is bounded."""
    try:
        return float(asked) <= LONGEST_NAMED_WAIT_SECONDS
    except ValueError:
        return False


def is_transient(error: BaseException) -> bool:
    """Whether the same question to Prefect may well be answered later.

    Also a refusal, where a key is being replaced, and an answer that is not Prefect's or was cut off.
    """
    refused = error.http_exc if isinstance(error, ObjectNotFound) else error
    if isinstance(refused, httpx.HTTPStatusError):
        response = refused.response
        may_change = response.is_server_error or response.status_code in _TRANSIENT
        return may_change or not _is_prefects(response)
    return isinstance(error, (httpx.RequestError, JSONDecodeError, UnicodeError, ValidationError))


def _is_prefects(response: httpx.Response) -> bool:
    """Whether a refusal is the server's own, which is a JSON object, and not one of something in between."""
    try:
        return isinstance(response.json(), dict)
    except ValueError:
        return False


async def retry_prefect(
    question: Callable[[], Awaitable[T]],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Return the answer to *question*, asked again while the failure is a passing one.

    Raises:
        Exception: it has not passed after `TRIES`, or it never will.
    """
    wait = FIRST_WAIT_SECONDS
    for _ in range(1, TRIES):
        try:
            return await question()
        except Exception as error:
            if not is_transient(error):
                raise
        await sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT_SECONDS)
    return await question()
