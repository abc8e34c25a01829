"""When a call to Northflank may be repeated, and how long to wait before: policies as values."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from prefect_northflank.errors import (
    Delivery,
    NorthflankError,
    RateLimited,
    ServerFailed,
    Unreachable,
)


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
            case ServerFailed():
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
