"""Who calls Northflank, and where: token, address, team, as one value that never shows the token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

DEFAULT_BASE_URL = "https://api.northflank.com"
"""Northflank's public API (docs: "Use the API")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What is needed to call the API. Equal values share one client and one monitor."""

    token: str = field(repr=False)
    base_url: str = DEFAULT_BASE_URL
    team: str | None = None
    again: Callable[[], Awaitable[str | None]] | None = field(
        default=None, repr=False, compare=False
    )
    """Reads the token again from where it came from: it may have been replaced. None if it cannot be read now."""
