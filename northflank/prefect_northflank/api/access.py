"""How to call Northflank: token, address and team as one value that never shows the token."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from prefect_northflank.api.addresses import is_http
from prefect_northflank.errors import InvalidAddress, InvalidToken, MissingToken, Refusals

DEFAULT_BASE_URL = "https://api.northflank.com"
"""Northflank's public API (docs: "Use the API")."""

TOKEN_VARIABLES = ("NORTHFLANK_API_TOKEN", "NF_API_TOKEN")
"""The variables that may hold the token if nothing else has one, in this order (names of the vendor's SDK)."""

BASE_URL_VARIABLES = ("NORTHFLANK_API_BASE_URL", "NF_API_HOST", "NF_HOST")
TEAM_VARIABLES = ("NORTHFLANK_TEAM_ID", "NF_TEAM_ID")


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


def access_from(
    environment: Mapping[str, str],
    *,
    token: str | None = None,
    base_url: str | None = None,
    team: str | None = None,
) -> Access:
    """Return the given values, completed from *environment*.

    Raises:
        MissingToken: neither has a token.
        InvalidToken: the token cannot be sent.
        InvalidAddress: the base URL is not an HTTP address.
        SeveralRefused: both token and base URL are wrong.
    """
    refusals = Refusals()
    token = (token or _first(environment, TOKEN_VARIABLES) or "").strip()
    with refusals.gathering():
        _check_token(token)
    base_url = base_url or _first(environment, BASE_URL_VARIABLES) or DEFAULT_BASE_URL
    with refusals.gathering():
        if not is_http(base_url):
            raise InvalidAddress(base_url)
    refusals.raise_all()
    return Access(token=token, base_url=base_url, team=team or _first(environment, TEAM_VARIABLES))


def _check_token(token: str) -> None:
    if not token:
        raise MissingToken
    if not (token.isascii() and token.isprintable()):
        raise InvalidToken


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)
