"""The current time, and how the API writes times."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Protocol


class Clock(Protocol):
    """The source of time; tests bring their own."""

    def now(self) -> datetime:
        """Return the current time, with its time zone."""
        ...


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(tz=timezone.utc)


def iso(moment: datetime) -> str:
    """Format a time as the API does: RFC 3339 in UTC with milliseconds.

    >>> iso(datetime(2026, 11, 21, tzinfo=timezone.utc))
    '2026-11-21T00:00:00.000Z'
    """
    utc = moment.astimezone(timezone.utc)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"


def parse(text: str) -> datetime:
    """Parse a time as clients write it: ISO 8601, or seconds since 1970.

    Raises:
        ValueError: it is neither.
    """
    if text.replace(".", "", 1).isdigit():
        try:
            return datetime.fromtimestamp(float(text), tz=timezone.utc)
        except (OverflowError, OSError) as error:
            raise ValueError(f"time out of range: {text!r}") from error
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
