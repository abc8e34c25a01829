"""Copies a container's output to its flow run's log while it runs, over the API's WebSocket."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from prefect_northflank.api.access import Access
from prefect_northflank.api.responses import LogLine, items
from prefect_northflank.errors import MalformedAnswer
from prefect_northflank.logs.deduplication import NewLineFilter
from prefect_northflank.logs.excerpt import (
    CONTAINERS_AT_FULL_RATE,
    CopyAllowance,
    Excerpt,
    WholeLines,
)
from prefect_northflank.records.infrastructure_pid import InfrastructurePid

Log: TypeAlias = "logging.Logger | logging.LoggerAdapter[logging.Logger]"

MOST_STREAMS = 100
"""Sockets of one worker; whether opening one counts against the rate limit is not documented."""

LINES_AT_FIRST = 1000
"""Lines written before the socket was open that are asked for."""

LARGEST_MESSAGE_BYTES = 16 * 1024 * 1024
"""Lines come in batches of up to a second; what a container can write in one fits."""

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
        self, access: Callable[[], Access], pid: InfrastructurePid, *, logger: Log
    ) -> AsyncIterator[None]:
        """Copy the run's output to *logger* while the block runs. Streaming never fails the block.

        *access* is asked for each connection: the token may have been replaced since the last.
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
    access: Callable[[], Access], pid: InfrastructurePid, excerpt: Excerpt, logger: Log
) -> None:
    """Copy what the log does not have yet, as much as may be, until the API closes the stream for good."""
    whole_lines, new_lines = WholeLines(), NewLineFilter()
    try:
        async for part in _follow(access, pid, logger):
            line = whole_lines.add(part)
            if line is not None and new_lines.is_new(line.text):
                _write(excerpt.of(line), logger)
    finally:
        _write(excerpt.left_out(), logger)


def _write(texts: Sequence[str], logger: Log) -> None:
    for text in texts:
        logger.info("%s", text)


async def _follow(
    access: Callable[[], Access], pid: InfrastructurePid, logger: Log
) -> AsyncIterator[LogLine]:
    """Yield lines until the API closes the stream for good; a dropped connection is opened again where it was."""
    last, told = "", False
    while True:
        try:
            async for line in _tail(access(), pid):
                if line.at < last:
                    continue
                last = line.at
                yield line
        except (WebSocketException, OSError, TimeoutError, ValueError, MalformedAnswer) as error:
            if not told:
                logger.info("The container's output is not copied for the moment: %r", error)
            told = True
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
