"""Asking Prefect again when it does not answer now: an SQLite server under load says 503 for minutes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 15.0
TRIES = 12
"""About two minutes; Prefect's client tries each of them several times itself."""

T = TypeVar("T")


def is_passing(error: Exception) -> bool:
    """Whether the same question to Prefect may well be answered later."""
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return error.response.is_server_error or status == httpx.codes.TOO_MANY_REQUESTS
    return isinstance(error, httpx.TransportError)


async def asked_again(
    question: Callable[[], Awaitable[T]],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Return the answer to *question*, asked again while the failure is a passing one.

    Raises:
        httpx.HTTPError: it has not passed after `TRIES`, or it never will.
    """
    wait = FIRST_WAIT_SECONDS
    for _ in range(1, TRIES):
        try:
            return await question()
        except httpx.HTTPError as error:
            if not is_passing(error):
                raise
        await sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT_SECONDS)
    return await question()
