"""One connection to the broker: messages in turn, replies to questions, and whether the other side is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from metaflow_northflank.protocol import Ask, Message, News, decoded, encoded

_REPLIES = frozenset({Ask.RECORDED, Ask.BEGUN})


class Conversation:
    """The other side of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._replies: asyncio.Queue[Ask | None] = asyncio.Queue()
        self.is_over = asyncio.Event()
        """Set when the other side is gone, or has said that it is done."""
        self.is_done = False
        """Whether the other side has said that it is done."""
        self.wants_end = False
        """Whether it has said so because it has given its container up."""

    async def tell(self, news: News, **details: Any) -> None:
        """Send news; the other side may be gone."""
        with suppress(OSError):
            self._writer.write(encoded({"news": news.value, **details}))
            await self._writer.drain()

    async def record(self, token: str) -> bool:
        """Have the token of the next start recorded; return False if an earlier start executes the task.

        Raises:
            OtherSideGone: the token may not be recorded.
        """
        await self.tell(News.TOKEN, token=token)
        reply = await self._replies.get()
        if reply is None:
            raise OtherSideGone
        return reply is Ask.RECORDED

    async def messages(self) -> AsyncIterator[Message]:
        """Yield the messages that are no replies, until the other side is gone."""
        try:
            while line := await self._reader.readline():
                message = decoded(line)
                ask = Ask(message["ask"])
                if ask in _REPLIES:
                    self._replies.put_nowait(ask)
                elif ask is Ask.DONE:
                    self.wants_end = bool(message["abort"])
                    self.is_done = not self.wants_end
                    return
                else:
                    yield message
        # Whatever a broken connection brings, the other side is gone.
        except (OSError, ValueError, KeyError):
            return
        finally:
            self._replies.put_nowait(None)
            self.is_over.set()

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


class OtherSideGone(Exception):
    """The process at the other end of the connection has ended."""
