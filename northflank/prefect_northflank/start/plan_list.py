"""Northflank's list of plans, asked for once a day."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.plans import PUBLISHED, Plan
from prefect_northflank.errors import NorthflankError

_FRESH_SECONDS = 24 * 3600.0
_ASK_AGAIN_SECONDS = 300.0


class PlanList:
    """The plans of one account; where Northflank does not answer, those that it publishes."""

    def __init__(self, client: NorthflankClient) -> None:
        self._client = client
        self._plans: Sequence[Plan] = PUBLISHED
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def now(self) -> Sequence[Plan]:
        """Return the plans; at most one call a day, and one in five minutes while it fails."""
        async with self._lock:
            if time.monotonic() >= self._until:
                try:
                    self._plans = await self._client.plans() or PUBLISHED
                    self._until = time.monotonic() + _FRESH_SECONDS
                except NorthflankError:
                    self._until = time.monotonic() + _ASK_AGAIN_SECONDS
            return self._plans
