"""The broker of one run: answers its processes, and is the only one of them that calls Northflank."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from metaflow_northflank.broker.containers import Containers
from metaflow_northflank.broker.conversation import Conversation
from metaflow_northflank.broker.preparation import prepare
from metaflow_northflank.protocol import LONGEST_LINE, Ask, Message, News

_NOTHING_RAN = "Nothing was started on Northflank."


class Server:
    """Serves the processes of one run over a Unix socket."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._containers: Containers | None = None
        self._prepared = asyncio.Event()
        self._leave = False

    async def listen(self, path: str) -> asyncio.Server:
        """Serve at the socket *path*."""
        return await asyncio.start_unix_server(self._serve, path, limit=LONGEST_LINE)

    async def close(self) -> None:
        """End what still runs, or leave it where the user chose so: the run's process is gone."""
        if self._containers is not None:
            await self._containers.finish(leave=self._leave)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = Conversation(reader, writer)
        tasks: set[asyncio.Task[None]] = set()
        try:
            async for message in conversation.messages():
                # While a start is under way its task may answer and ask.
                task = asyncio.create_task(self._answer(conversation, message))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            conversation.close()

    async def _answer(  # noqa: C901  one line for each question
        self, conversation: Conversation, message: Message
    ) -> None:
        match Ask(message["ask"]):
            case Ask.PREPARE:
                await self._prepare(conversation, message)
            case Ask.FINISH:
                lines = [_NOTHING_RAN]
                if self._containers is not None:
                    lines = await self._containers.finish(leave=bool(message["leave"]))
                await conversation.tell(News.FINISHED, lines=lines)
            case Ask.START:
                await (await self._ready()).start(conversation, message)
            case Ask.ATTACH:
                await (await self._ready()).attach(conversation, message)
            case Ask.EXPLAIN:
                await (await self._ready()).explain(conversation)
            case Ask.WAITS:
                await (await self._ready()).say_what_it_waits_for(conversation)
            case Ask.RECORDED | Ask.BEGUN | Ask.DONE:
                return

    async def _prepare(self, conversation: Conversation, message: Message) -> None:
        done = await prepare(message, self._environment)
        self._leave = bool(message["leave"])
        if done.client is not None and done.jobs is not None and not done.refused:
            self._containers = Containers(
                done.client,
                done.jobs,
                most=int(message["max_containers"]),
                leave=self._leave,
                again=bool(message["again"]),
            )
            self._prepared.set()
        elif done.client is not None:
            await done.client.close()
        await conversation.tell(News.PREPARED, refused=done.refused, lines=done.lines)

    async def _ready(self) -> Containers:
        """Return the containers once the run has said what it needs: a broker that replaces another has to wait."""
        await self._prepared.wait()
        if self._containers is None:
            raise asyncio.CancelledError
        return self._containers
