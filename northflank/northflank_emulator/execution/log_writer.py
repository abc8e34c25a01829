"""Writes the lines of running containers to the log store, and wakes log tails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from northflank_emulator.execution.container import Sink
from northflank_emulator.state.log_store import LineSource, LogStore, WrittenLine

_PRUNED = 0.25
"""The fraction of a full log that is dropped, oldest lines first."""


class LogWriter:
    """Stores lines, keeps each run's log within its limit, and wakes log tails."""

    def __init__(self, store: LogStore, characters_per_run: int) -> None:
        self._store = store
        self._limit = characters_per_run
        self._sizes: dict[str, int] = {}
        self._news = asyncio.Event()

    def sink(self, source: LineSource) -> Sink:
        """Return the sink for the lines of one container."""

        def keep(lines: Sequence[WrittenLine]) -> None:
            self._store.append(source, lines)
            self._prune(source.run, sum(len(line.text) + 1 for line in lines))
            self._news.set()
            self._news = asyncio.Event()

        return keep

    async def news(self, seconds: float) -> None:
        """Return when there are new lines, or after *seconds*."""
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except asyncio.TimeoutError:
            return

    def forget(self, run: str) -> None:
        """Forget the size of the log of a finished run."""
        self._sizes.pop(run, None)

    def _prune(self, run: str, added: int) -> None:
        size = self._sizes.get(run, 0) + added
        while size > self._limit:
            self._store.forget_oldest(run, _PRUNED)
            size = self._store.size(run)
        self._sizes[run] = size
