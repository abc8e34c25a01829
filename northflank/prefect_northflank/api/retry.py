"""When a call to Northflank is repeated, after which wait, and for how long."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

from prefect_northflank.errors import (
    ApiError,
    Conflict,
    Delivery,
    Forbidden,
    MalformedResponse,
    NoCallsLeft,
    NorthflankError,
    RateLimited,
    ServerFailed,
    Unauthorized,
    UnexpectedResponse,
    Unreachable,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a call is tried, and the waits between the attempts in seconds (jittered, doubling, capped)."""

    attempts: int
    repeat_when_unknown: bool
    """Whether to repeat a request that may already have taken effect: only for idempotent calls."""
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 20.0
    jitter: Callable[[], float] = field(default=random.random, repr=False)

    def may_repeat(self, failure: NorthflankError) -> bool:
        """Return whether the failed call may be repeated."""
        match failure:
            case RateLimited():
                return True
            case ServerFailed() | MalformedResponse():
                return self.repeat_when_unknown
            case Unreachable(delivery=delivery):
                return self.repeat_when_unknown or delivery is Delivery.NOT_SENT
            case _:
                return False

    def wait_seconds(self, attempt: int) -> float:
        """Return the seconds to wait after the failed *attempt* (counted from 1)."""
        ceiling = min(self.longest_wait_seconds, self.first_wait_seconds * 2.0 ** (attempt - 1))
        return ceiling * (0.5 + self.jitter() / 2)


REPEATABLE = RetryPolicy(attempts=7, repeat_when_unknown=True)
"""For GET, PUT and DELETE, which are idempotent."""

IF_NOT_SENT = RetryPolicy(attempts=7, repeat_when_unknown=False)
"""For POST …/runs: two of them make two containers."""

POLL = RetryPolicy(attempts=2, repeat_when_unknown=True)
"""For monitoring reads: the next poll is the real retry."""

TRANSIENT = (
    RateLimited,
    NoCallsLeft,
    ServerFailed,
    Unreachable,
    MalformedResponse,
    UnexpectedResponse,
    Unauthorized,
    Forbidden,
    Conflict,
)
"""Failures that may pass by themselves: also a token or role that is being replaced, and a job that is being deleted or
updated."""


def told_once(tell: Callable[[str], None]) -> Callable[[NorthflankError], None]:
    """Return what tells people, the first time, that a call has failed and is tried again.

    All attempts of a `REPEATABLE` call take half a minute, and longer where each has to wait for its time-out.
    """
    is_told = False

    def on_retry(failure: NorthflankError) -> None:
        nonlocal is_told
        if not is_told:
            what, _, _ = str(failure).partition(" Fix:")
            tell(f"{what} It is tried again for up to a minute.")
        is_told = True

    return on_retry


@dataclass(kw_only=True)
class LongRetry:
    """Retries for one flow run, far beyond the few attempts of a policy; reports each cause of a wait once."""

    max_seconds: float
    """How long the failures of one call may last."""
    report: Callable[[str], None]
    who: str = "The worker"
    """Who tries again, in the words of a report."""
    describe: Callable[[NorthflankError], str] = str
    """Words a failure for the reader of a report."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = monotonic
    reported: set[object] = field(default_factory=set)
    final_failure: NorthflankError | None = None
    """The failure that has lasted too long: a call around the failed one does not wait for it again."""

    async def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """Return what *function* returns; call it again while its failure is transient.

        Raises:
            NorthflankError: the failure is permanent, or has lasted too long.
        """
        failures = FailureStreak(self)
        while True:
            try:
                return await function()
            except NorthflankError as failure:  # noqa: PERF203  the wait is what takes time
                await failures.wait_or_raise(failure)

    def report_once(self, cause: object, text: str) -> None:
        """Report *text*, unless the same *cause* has been reported."""
        if cause not in self.reported:
            self.reported.add(cause)
            self.report(text)


class FailureStreak:
    """Consecutive failures of one call."""

    def __init__(self, retry: LongRetry) -> None:
        self._retry = retry
        self._began: float | None = None
        self._count = 0

    async def wait_or_raise(self, failure: NorthflankError) -> None:
        """Wait until the call may be repeated.

        Raises:
            NorthflankError: *failure*, if it is permanent or has lasted too long.
        """
        retry = self._retry
        if not isinstance(failure, TRANSIENT) or failure is retry.final_failure:
            raise failure
        if isinstance(failure, (NoCallsLeft, RateLimited)):
            await self._wait_for_rate_limit(failure)
            return
        now = retry.clock()
        self._began = now if self._began is None else self._began
        left = self._began + retry.max_seconds - now
        if left <= 0:
            retry.final_failure = failure
            raise failure
        self._count += 1
        status = failure.status if isinstance(failure, ApiError) else None
        outlook = f"{retry.who} tries again for up to {retry.max_seconds:.0f} s."
        retry.report_once((type(failure), status), f"{retry.describe(failure)} {outlook}")
        await retry.sleep(min(REPEATABLE.wait_seconds(self._count), left))

    async def _wait_for_rate_limit(self, failure: NoCallsLeft | RateLimited) -> None:
        """Wait for the next window, which does not count as a failure; after a 429, the budget knows its end."""
        if isinstance(failure, NoCallsLeft):
            text = f"Northflank's rate limit is used up; the start waits {failure.seconds:.0f} s."
            self._retry.report_once(NoCallsLeft, text)
            await self._retry.sleep(failure.seconds)


def is_ambiguous(failure: NorthflankError) -> bool:
    """Return whether a request that failed this way may have taken effect."""
    return isinstance(failure, (ServerFailed, MalformedResponse)) or (
        isinstance(failure, Unreachable) and failure.delivery is Delivery.UNKNOWN
    )
