"""When a call to Northflank may be repeated, how long to wait before, and how long to go on."""

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
    MalformedAnswer,
    NoCallsLeft,
    NorthflankError,
    RateLimited,
    ServerFailed,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a call is tried, and the waits between, in seconds (full jitter, doubling, capped)."""

    attempts: int
    repeat_when_unknown: bool
    """Whether to repeat a request that may have taken effect already. Only for calls that are the same done twice."""
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 20.0
    jitter: Callable[[], float] = field(default=random.random, repr=False)

    def may_repeat(self, failure: NorthflankError) -> bool:
        """Whether the failed call may be made again."""
        match failure:
            case RateLimited():
                return True
            case ServerFailed() | MalformedAnswer():
                return self.repeat_when_unknown
            case Unreachable(delivery=delivery):
                return self.repeat_when_unknown or delivery is Delivery.NOT_SENT
            case _:
                return False

    def wait_seconds(self, attempt: int) -> float:
        """Seconds to wait after failed *attempt* (counted from 1)."""
        ceiling = min(self.longest_wait_seconds, self.first_wait_seconds * 2.0 ** (attempt - 1))
        return ceiling * (0.5 + self.jitter() / 2)


REPEATABLE = RetryPolicy(attempts=7, repeat_when_unknown=True)
"""GET, PUT and DELETE: the same done twice."""

ONLY_IF_NOT_DONE = RetryPolicy(attempts=7, repeat_when_unknown=False)
"""POST …/runs: two of them are two containers."""

LOOK = RetryPolicy(attempts=2, repeat_when_unknown=True)
"""A monitoring read: the next sweep is the retry."""

TRANSIENT = (
    RateLimited,
    NoCallsLeft,
    ServerFailed,
    Unreachable,
    MalformedAnswer,
    UnexpectedAnswer,
    Unauthorized,
    Forbidden,
    Conflict,
)
"""What may pass by itself: also a token or role that is being replaced, and a job that is being deleted or updated."""


@dataclass(kw_only=True)
class LongRetry:
    """How long one flow run goes on asking, beyond the few tries of a policy; it says once what it waits for."""

    seconds: float
    tell: Callable[[str], None]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = monotonic
    told: set[object] = field(default_factory=set)
    lost_with: NorthflankError | None = None
    """The failure that has lasted too long: a call around the one that met it does not wait for it again."""

    async def through(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what *call* returns, made again while its failure may pass.

        Raises:
            NorthflankError: it has not passed in time, or never will.
        """
        trouble = FailureStreak(self)
        while True:
            try:
                return await call()
            except NorthflankError as failure:  # noqa: PERF203 (the wait is what takes time)
                await trouble.outlast(failure)

    def say(self, reason: object, text: str) -> None:
        """Tell *text*, unless the same *reason* has been told."""
        if reason not in self.told:
            self.told.add(reason)
            self.tell(text)


class FailureStreak:
    """Failures in a row of one call."""

    def __init__(self, patience: LongRetry) -> None:
        self._patience = patience
        self._began: float | None = None
        self._tries = 0

    async def outlast(self, failure: NorthflankError) -> None:
        """Wait until the call may be made again.

        Raises:
            NorthflankError: *failure*, which never passes or has lasted too long.
        """
        patience = self._patience
        if not isinstance(failure, TRANSIENT) or failure is patience.lost_with:
            raise failure
        if isinstance(failure, (NoCallsLeft, RateLimited)):
            await self._wait_for_the_rate_limit(failure)
            return
        now = patience.clock()
        self._began = now if self._began is None else self._began
        left = self._began + patience.seconds - now
        if left <= 0:
            patience.lost_with = failure
            raise failure
        self._tries += 1
        status = failure.status if isinstance(failure, ApiError) else None
        goes_on = f"It is tried again for up to {patience.seconds:.0f} s."
        patience.say((type(failure), status), f"{failure} {goes_on}")
        await patience.sleep(min(REPEATABLE.wait_seconds(self._tries), left))

    async def _wait_for_the_rate_limit(self, failure: NoCallsLeft | RateLimited) -> None:
        """Wait as long as the window lasts, which is no failure; the budget knows it when the call is made again."""
        if isinstance(failure, NoCallsLeft):
            text = f"Northflank's rate limit is used up; the start waits {failure.seconds:.0f} s for it."
            self._patience.say(NoCallsLeft, text)
            await self._patience.sleep(failure.seconds)
