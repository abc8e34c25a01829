"""Turns: how many flow runs are claimed at once, so that the first of a burst start before the last are looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

AT_ONCE = 8
"""A start costs Prefect's server some twenty requests. All of a burst at once, the first would start when the last does,
and the server would be asked by hundreds at a time; a few keep it just as busy."""


class SubmitLimit:
    """Hands out turns in the order in which they were asked for.

    A turn ends before Northflank is asked for anything: a build, waiting for the rate limit, or an account that does not
    answer keeps no other flow run waiting.
    """

    def __init__(self, without_waiting: int = AT_ONCE) -> None:
        self._free = asyncio.Semaphore(without_waiting)
        self._taken: set[UUID] = set()

    @asynccontextmanager
    async def turn(self, flow_run_id: UUID) -> AsyncIterator[None]:
        """Wait for a turn, which ends with the block if `end` has not ended it."""
        await self._free.acquire()
        self._taken.add(flow_run_id)
        try:
            yield
        finally:
            self.end(flow_run_id)

    def end(self, flow_run_id: UUID) -> None:
        """Let the next one have its turn; no matter if the flow run has none (any more)."""
        if flow_run_id in self._taken:
            self._taken.remove(flow_run_id)
            self._free.release()
