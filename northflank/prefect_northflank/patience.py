"""Asking Prefect again when it does not answer now, or something else does: SQLite under load says 503 for minutes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from json import JSONDecodeError
from typing import TypeVar

import httpx
from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 15.0
TRIES = 12
"""About two minutes; Prefect's client tries each of them several times itself."""

_PASSING = (
    httpx.codes.UNAUTHORIZED,
    httpx.codes.FORBIDDEN,
    httpx.codes.PROXY_AUTHENTICATION_REQUIRED,
    httpx.codes.REQUEST_TIMEOUT,
    httpx.codes.TOO_EARLY,
    httpx.codes.TOO_MANY_REQUESTS,
)

T = TypeVar("T")


def is_passing(error: BaseException) -> bool:
    """Whether the same question to Prefect may well be answered later.

    Also a refusal, where a key is being replaced, and an answer that is not Prefect's or was cut off.
    """
    if isinstance(error, ObjectNotFound):
        return isinstance(error.http_exc, httpx.HTTPStatusError) and not _is_prefects(
            error.http_exc.response
        )
    if isinstance(error, httpx.HTTPStatusError):
        response = error.response
        return response.is_server_error or response.is_redirect or response.status_code in _PASSING
    return isinstance(error, (httpx.RequestError, JSONDecodeError, UnicodeError, ValidationError))


def _is_prefects(response: httpx.Response) -> bool:
    """Whether a refusal is the server's own, which is a JSON object, and not one of something in between."""
    try:
        return isinstance(response.json(), dict)
    except ValueError:
        return False


async def asked_again(
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
            if not is_passing(error):
                raise
        await sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT_SECONDS)
    return await question()
