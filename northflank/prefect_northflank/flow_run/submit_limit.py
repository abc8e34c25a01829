"""Limits how many flow runs are submitted at once, so that the first of a burst start before the last are looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

MAX_CONCURRENT = 8
"""A start takes some twenty requests to Prefect's server. If a whole burst were submitted at once, the first would start
only when the last does, and hundreds of requests would reach the server at a time; a few keep it just as busy."""


class SubmitLimit:
    """Slots for flow runs that are being submitted, given in the order in which they were asked for.

    A slot is released before the first call to Northflank: a build, a wait for the rate limit, or an account that does
    not answer delays no other flow run.
    """

    def __init__(self, max_concurrent: int = MAX_CONCURRENT) -> None:
        self._free = asyncio.Semaphore(max_concurrent)
        self._holders: set[UUID] = set()

    @asynccontextmanager
    async def slot(self, flow_run_id: UUID) -> AsyncIterator[None]:
        """Wait for a slot and hold it for the block, or until `release` is called."""
        await self._free.acquire()
        self._holders.add(flow_run_id)
        try:
            yield
        finally:
            self.release(flow_run_id)

    def release(self, flow_run_id: UUID) -> None:
        """Release the flow run's slot, if it holds one."""
        if flow_run_id in self._holders:
            self._holders.remove(flow_run_id)
            self._free.release()
