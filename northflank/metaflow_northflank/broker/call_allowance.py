"""How many calls watching may make beside the starts: some at once, then one a minute. Pure."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

AT_ONCE = 20
SECONDS_PER_CALL = 60.0
"""Of calls beyond those: 60 in an hour, of Northflank's 1,000."""


class CallAllowance:
    """The calls that watching has left; it refills as time passes."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._left = float(AT_ONCE)
        self._at = clock()

    def take(self, *, leaving: int = 0) -> bool:
        """Take one call if that leaves so many others; return whether it did."""
        now = self._clock()
        self._left = min(AT_ONCE, self._left + (now - self._at) / SECONDS_PER_CALL)
        self._at = now
        if self._left < 1 + leaving:
            return False
        self._left -= 1
        return True

    def spend(self, calls: int) -> None:
        """Count calls that a look has taken beyond its first."""
        self._left -= calls
