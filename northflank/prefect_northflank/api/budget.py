"""How many calls Northflank still grants this hour, and who may have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from time import monotonic, time

from prefect_northflank.errors import NoCallsLeft

RESERVED_SHARE = 0.2
"""Share of the limit that monitoring leaves for starts, aborts and clean-up."""

FIRST_BLIND_WAIT_SECONDS = 5.0
LONGEST_BLIND_WAIT_SECONDS = 120.0
"""Waits after a 429 that names no time (the API documents neither Retry-After nor the headers of a 429)."""

WINDOW_SECONDS = 3600.0
"""Northflank counts calls by the hour (docs: rate limits), so a wait beyond that is a misunderstanding."""

_MOST_CALLS = 10**9


class Purpose(str, Enum):
    """What a call is for: what a run needs to live, or what we would like to know."""

    LIFECYCLE = "lifecycle"
    MONITORING = "monitoring"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateWindow:
    """What is left of the current window."""

    limit: int
    remaining: int
    resets_at: float
    """In seconds of the budget's clock."""


def named_wait(text: str, *, now: float | None = None) -> float | None:
    """Return the seconds to wait that a header says, from 0 to an hour; None if it says nothing that can be meant.

    Seconds from now are documented; the Unix time at which the window ends is what others mean by the same header.
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
    """The account's rate limit as the `x-ratelimit-*` headers of each answer tell it.

    Before the first answer, and for servers without these headers, everything is allowed.
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._window: RateWindow | None = None
        self._in_flight = 0
        self._blind_wait = FIRST_BLIND_WAIT_SECONDS
        self._said = False
        self.calls = 0

    @property
    def window(self) -> RateWindow | None:
        """What is left; None if unknown or if the window is over."""
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
        """Seconds to wait before a call for *purpose*; 0 if it may go now."""
        known = self.window
        if known is None:
            return 0.0
        floor = self.reserve if purpose is Purpose.MONITORING else 0
        return 0.0 if known.remaining - self._in_flight > floor else known.resets_at - self._clock()

    def admit(self, purpose: Purpose) -> float:
        """Return the seconds a lifecycle call must wait; refuse monitoring that would have to.

        Raises:
            NoCallsLeft: only the reserve is left.
        """
        seconds = self.wait_seconds(purpose)
        if seconds and purpose is Purpose.MONITORING:
            raise NoCallsLeft(seconds=seconds)
        return seconds

    def is_news(self) -> bool:
        """Whether it has yet to be said that calls wait; once until Northflank answers one again."""
        said, self._said = self._said, True
        return not said

    def sent(self) -> None:
        """Count a call that is on its way."""
        self._in_flight += 1
        self.calls += 1

    def answered(self, headers: Mapping[str, str] | None, *, limited: bool = False) -> None:
        """Count a call that came back with *headers*, or without an answer (None); *limited*: with a 429."""
        self._in_flight -= 1
        if headers is None:
            return
        self._said = self._said and limited
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
        """Note a 429: nothing more for *seconds*; if it does not say how long (None), longer each time."""
        if seconds is None:
            seconds = self._blind_wait
            self._blind_wait = min(self._blind_wait * 2, LONGEST_BLIND_WAIT_SECONDS)
        limit = self._window.limit if self._window else 1
        self._window = RateWindow(limit=limit, remaining=0, resets_at=self._clock() + seconds)

    def seconds_per_call(self) -> float:
        """How far apart monitoring calls must be to last until the window resets; 0 if the limit is unknown.

        Monitoring takes half of what is above the reserve; the other half is for starts to come.
        """
        known = self.window
        if known is None:
            return 0.0
        spare = (known.remaining - self.reserve) / 2
        left = max(known.resets_at - self._clock(), 1.0)
        return left if spare < 1 else left / spare
