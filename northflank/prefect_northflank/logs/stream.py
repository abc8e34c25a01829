"""Copies a container's output to its flow run's log while it runs, over the API's WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from prefect_northflank.api.access import Access
from prefect_northflank.api.responses import LogLine, items
from prefect_northflank.errors import MalformedResponse
from prefect_northflank.loggers import LoggerOrAdapter
from prefect_northflank.logs.deduplication import NewLineFilter
from prefect_northflank.logs.excerpt import (
    CONTAINERS_AT_FULL_RATE,
    CopyAllowance,
    Excerpt,
    WholeLines,
)
from prefect_northflank.records.infrastructure_pid import InfrastructurePid

MOST_STREAMS = 100
"""Sockets of one worker; the API does not document whether opening one counts against the rate limit."""

LINES_AT_FIRST = 1000
"""Lines to ask for that were written before the socket was open."""

LARGEST_MESSAGE_BYTES = 16 * 1024 * 1024
"""Lines come in batches of up to a second; that is more than a container writes in one."""

LAST_LINES_SECONDS = 3.0
"""How long to wait for lines of a container that has ended (the API sends in batches of up to a second)."""

RECONNECT_SECONDS = 10.0


class Streams:
    """The open streams of one worker."""

    def __init__(self) -> None:
        self._open = 0
        self._allowance = CopyAllowance(containers=CONTAINERS_AT_FULL_RATE)

    @asynccontextmanager
    async def of(
        self, access: Callable[[], Access], pid: InfrastructurePid, *, logger: LoggerOrAdapter
    ) -> AsyncIterator[None]:
        """Copy the run's output to *logger* while the block runs. Streaming never fails the block.

        *access* is called for each connection, because the token may have been replaced since the last one.
        """
        if self._open >= MOST_STREAMS or pid.run is None:
            yield
            return
        self._open += 1
        excerpt = Excerpt(pid, own=CopyAllowance(), shared=self._allowance)
        task = asyncio.create_task(_copy(access, pid, excerpt, logger))
        try:
            yield
            await asyncio.wait([task], timeout=LAST_LINES_SECONDS)
        finally:
            self._open -= 1
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _copy(
    access: Callable[[], Access], pid: InfrastructurePid, excerpt: Excerpt, logger: LoggerOrAdapter
) -> None:
    """Copy the lines that the log does not have yet, within the allowance, until the API closes the stream for good."""
    whole_lines, new_lines = WholeLines(), NewLineFilter()
    try:
        async for part in _follow(access, pid, logger):
            line = whole_lines.add(part)
            if line is not None and new_lines.is_new(line.text):
                _write(excerpt.of(line), logger)
    finally:
        _write(excerpt.left_out(), logger)


def _write(texts: Sequence[str], logger: LoggerOrAdapter) -> None:
    for text in texts:
        logger.info("%s", text)


async def _follow(
    access: Callable[[], Access], pid: InfrastructurePid, logger: LoggerOrAdapter
) -> AsyncIterator[LogLine]:
    """Yield lines until the API closes the stream for good; reopen a dropped connection and go on where it ended."""
    last, reported = "", False
    while True:
        try:
            async for line in _tail(access(), pid):
                if line.at < last:
                    continue
                last = line.at
                yield line
        except (WebSocketException, OSError, TimeoutError, ValueError, MalformedResponse) as error:
            if not reported:
                logger.info("Could not copy the container's output, trying again: %r", error)
            reported = True
        else:
            return
        await asyncio.sleep(RECONNECT_SECONDS)


async def _tail(access: Access, pid: InfrastructurePid) -> AsyncIterator[LogLine]:
    """Yield the run's lines as the API sends them (protocol: section "tail" of the API's log endpoints)."""
    query = urlencode({"queryType": "tail", "runId": pid.run, "lineLimit": LINES_AT_FIRST})
    base = access.base_url.rstrip("/").replace("http", "ws", 1)
    url = f"{base}{pid.project.path}/jobs/{pid.job}/logs?{query}"
    async with connect(url, max_size=LARGEST_MESSAGE_BYTES) as socket:
        auth = {"type": "init", "data": {"auth": {"type": "apiToken", "apiToken": access.token}}}
        await socket.send(json.dumps(auth))
        async for message in socket:
            for line in _lines(json.loads(message)):
                yield line


def _lines(message: object) -> Sequence[LogLine]:
    if not isinstance(message, dict) or message.get("type") != "log-lines":
        return ()
    return tuple(map(LogLine.parse, items(message.get("data") or [], "log lines")))
