"""How many calls Northflank still allows this hour, and for which purposes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from time import monotonic, time

from prefect_northflank.errors import NoCallsLeft

RESERVED_SHARE = 0.2
"""The share of the limit that monitoring leaves for starts, aborts and clean-up."""

FIRST_BLIND_WAIT_SECONDS = 5.0
LONGEST_BLIND_WAIT_SECONDS = 120.0
"""Waits after a 429 that names no time (the API documents neither Retry-After nor the headers of a 429)."""

WINDOW_SECONDS = 3600.0
"""Northflank counts calls by the hour (docs: rate limits), so a longer wait is misread."""

_MOST_CALLS = 10**9


class Purpose(str, Enum):
    """What a call is for: a step in the life of a run, or watching it."""

    LIFECYCLE = "lifecycle"
    MONITORING = "monitoring"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateWindow:
    """The calls that are left in the current window."""

    limit: int
    remaining: int
    resets_at: float
    """In seconds of the budget's clock."""


def named_wait(text: str, *, now: float | None = None) -> float | None:
    """Return the wait in seconds that a header asks for, from 0 to an hour; None if it makes no sense.

    Northflank documents seconds from now; other APIs put the Unix time at which the window ends into the same header.
    """
    try:
        number = float(text)
    except ValueError:
        return None
    if not isfinite(number):
        return None
    ahead = number - (time() if now is None else now)
    for seconds in (number, ahead):
        if 0 <= seconds <= WINDOW_SECONDS:
            return seconds
    return None


class RateBudget:
    """The account's rate limit as the `x-ratelimit-*` headers of each response report it.

    Before the first response, and for servers without these headers, everything is allowed.
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._window: RateWindow | None = None
        self._in_flight = 0
        self._blind_wait = FIRST_BLIND_WAIT_SECONDS
        self._wait_reported = False
        self.calls = 0

    @property
    def window(self) -> RateWindow | None:
        """The current window; None if it is unknown or over."""
        known = self._window
        if known is not None and self._clock() >= known.resets_at:
            self._window = None
        return self._window

    @property
    def reserve(self) -> int:
        """Calls that monitoring must leave untouched."""
        known = self.window
        return 0 if known is None else int(known.limit * RESERVED_SHARE)

    def wait_seconds(self, purpose: Purpose) -> float:
        """Return the seconds to wait before a call for *purpose*; 0 if it may be made now."""
        known = self.window
        if known is None:
            return 0.0
        floor = self.reserve if purpose is Purpose.MONITORING else 0
        return 0.0 if known.remaining - self._in_flight > floor else known.resets_at - self._clock()

    def admit(self, purpose: Purpose) -> float:
        """Return the seconds that a lifecycle call must wait; refuse a monitoring call that would have to.

        Raises:
            NoCallsLeft: only the reserve is left.
        """
        seconds = self.wait_seconds(purpose)
        if seconds and purpose is Purpose.MONITORING:
            raise NoCallsLeft(seconds=seconds)
        return seconds

    def first_wait(self) -> bool:
        """Return whether this is the first wait since Northflank last answered a call, so that it is logged once."""
        reported, self._wait_reported = self._wait_reported, True
        return not reported

    def sent(self) -> None:
        """Count a call that is being sent."""
        self._in_flight += 1
        self.calls += 1

    def answered(self, headers: Mapping[str, str] | None, *, limited: bool = False) -> None:
        """Count a call whose response has *headers* (None: it got no response); *limited* if the response was a 429."""
        self._in_flight -= 1
        if headers is None:
            return
        self._wait_reported = self._wait_reported and limited
        self._blind_wait = self._blind_wait if limited else FIRST_BLIND_WAIT_SECONDS
        try:
            limit, remaining = (
                int(headers[f"x-ratelimit-{name}"]) for name in ("limit", "remaining")
            )
            reset = named_wait(headers["x-ratelimit-reset"])
        except (KeyError, ValueError):
            return
        if reset is None or not (0 < limit <= _MOST_CALLS and 0 <= remaining <= _MOST_CALLS):
            return
        self._window = RateWindow(limit=limit, remaining=remaining, resets_at=self._clock() + reset)

    def exhausted(self, seconds: float | None) -> None:
        """Allow no call for *seconds* after a 429; if it names no time (None), wait longer each time."""
        if seconds is None:
            seconds = self._blind_wait
            self._blind_wait = min(self._blind_wait * 2, LONGEST_BLIND_WAIT_SECONDS)
        limit = self._window.limit if self._window else 1
        self._window = RateWindow(limit=limit, remaining=0, resets_at=self._clock() + seconds)

    def seconds_per_call(self) -> float:
        """Return how far apart monitoring calls must be to last until the window resets; 0 if the limit is unknown.

        Monitoring takes half of the calls above the reserve; the other half is for future starts.
        """
        known = self.window
        if known is None:
            return 0.0
        spare = (known.remaining - self.reserve) / 2
        left = max(known.resets_at - self._clock(), 1.0)
        return left if spare < 1 else left / spare
