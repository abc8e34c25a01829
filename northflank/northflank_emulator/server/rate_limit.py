"""Counts the requests that each token has left in its hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The numbers of the `x-ratelimit-*` headers after a request."""

    limit: int
    remaining: int
    reset_seconds: int
    exceeded: bool


class RateLimiter:
    """Counts requests per token in windows of an hour, which start with their first request."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._windows: dict[str, tuple[datetime, int]] = {}

    def take(self, token: str, now: datetime) -> Allowance:
        """Count one request of *token* at *now*."""
        started, used = self._window(token, now)
        used += 1
        self._windows[token] = (started, used)
        return self._allowance(started, used, now)

    def peek(self, token: str, now: datetime) -> Allowance:
        """Return what *token* has left, without counting a request."""
        started, used = self._window(token, now)
        return self._allowance(started, used, now)

    def exhaust(self, token: str, now: datetime) -> None:
        """Use up all that *token* has left in its window."""
        started, _ = self._window(token, now)
        self._windows[token] = (started, self._limit)

    def _window(self, token: str, now: datetime) -> tuple[datetime, int]:
        started, used = self._windows.get(token, (now, 0))
        return (now, 0) if now - started >= WINDOW else (started, used)

    def _allowance(self, started: datetime, used: int, now: datetime) -> Allowance:
        left = started + WINDOW - now
        return Allowance(
            limit=self._limit,
            remaining=max(0, self._limit - used),
            reset_seconds=max(0, -(-left // timedelta(seconds=1))),
            exceeded=used > self._limit,
        )
