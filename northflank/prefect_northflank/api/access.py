"""How to call Northflank: token, address and team as one value that never shows the token."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

DEFAULT_BASE_URL = "https://api.northflank.com"
"""Northflank's public API (docs: "Use the API")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What it takes to call the API. Equal values share one client and one monitor."""

    token: str = field(repr=False)
    base_url: str = DEFAULT_BASE_URL
    team: str | None = None
    reread_token: Callable[[], Awaitable[str | None]] | None = field(
        default=None, repr=False, compare=False
    )
    """Reads the token from its source again, because it may have been replaced; returns None if it cannot be read."""


class RenewableAccess:
    """The access that a client uses now; its token can be replaced while it is in use."""

    def __init__(self, access: Access) -> None:
        self.value = access
        self._reading = asyncio.Lock()

    async def renewed_token(self, *, refused: str) -> str:
        """Return the current token; it is *refused* again if that has not been replaced, or cannot be read."""
        async with self._reading:
            if self.value.token == refused and self.value.reread_token is not None:
                self.value = replace(self.value, token=await self.value.reread_token() or refused)
        return self.value.token
