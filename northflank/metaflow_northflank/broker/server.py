"""The broker of one run: answers its processes, and is the only one of them that calls Northflank."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from metaflow_northflank.broker.containers import Containers
from metaflow_northflank.broker.conversation import Conversation
from metaflow_northflank.broker.jobs_left import JobsLeft
from metaflow_northflank.broker.preparation import prepare
from metaflow_northflank.protocol import LONGEST_LINE, Ask, Message, News

_FAILED = 1
"""The exit code of a task that may be tried again."""

_log = logging.getLogger(__name__)


class Server:
    """Serves the processes of one run over a Unix socket."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        loop = asyncio.get_running_loop()
        self._prepared: asyncio.Future[Containers] = loop.create_future()
        """The run's containers, once it has said what it needs."""
        self._jobs_left: asyncio.Future[JobsLeft] = loop.create_future()
        self._leave = False

    async def listen(self, path: str) -> asyncio.Server:
        """Serve at the socket *path*."""
        return await asyncio.start_unix_server(self._serve, path, limit=LONGEST_LINE)

    async def close(self) -> None:
        """End what still runs, or leave it where the user chose so: the run's process is gone."""
        if self._prepared.done():
            await self._prepared.result().finish(leave=self._leave)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = Conversation(reader, writer)
        tasks: set[asyncio.Task[None]] = set()
        try:
            async for message in conversation.messages():
                # While a start is under way its task may answer and ask.
                task = asyncio.create_task(self._safely(conversation, message))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            conversation.close()

    async def _safely(self, conversation: Conversation, message: Message) -> None:
        """Answer; a task must not wait forever for an answer that a fault of this process has prevented."""
        try:
            await self._answer(conversation, message)
        except Exception as error:  # noqa: BLE001  as the docstring says
            _log.exception("Could not answer %s", message["ask"])
            await conversation.tell(
                News.REFUSED, reason=f"the run's broker failed: {error!r}", code=_FAILED
            )

    async def _answer(  # noqa: C901  one line for each question
        self, conversation: Conversation, message: Message
    ) -> None:
        match Ask(message["ask"]):
            case Ask.PREPARE:
                await self._prepare(conversation, message)
            case Ask.FINISH:
                lines: list[str] = []
                if self._prepared.done():
                    lines = await self._prepared.result().finish(leave=bool(message["leave"]))
                await conversation.tell(News.FINISHED, lines=lines)
            case Ask.FIND_LEFT:
                found = await (await asyncio.shield(self._jobs_left)).find()
                await conversation.tell(News.LEFT, jobs=found)
            case Ask.REMOVE_LEFT:
                removed = await (await asyncio.shield(self._jobs_left)).remove(message["jobs"])
                await conversation.tell(News.LEFT, jobs=removed)
            case Ask.START:
                await (await asyncio.shield(self._prepared)).start(conversation, message)
            case Ask.ATTACH:
                await (await asyncio.shield(self._prepared)).attach(conversation, message)
            case Ask.EXPLAIN:
                await (await asyncio.shield(self._prepared)).explain(conversation)
            case Ask.WAITS:
                await (await asyncio.shield(self._prepared)).say_what_it_waits_for(conversation)
            case Ask.RECORDED | Ask.BEGUN | Ask.DONE:
                return

    async def _prepare(self, conversation: Conversation, message: Message) -> None:
        done = await prepare(message, self._environment)
        self._leave = bool(message["leave"])
        if done.client is not None and done.jobs is not None and not done.refused:
            containers = Containers(
                done.client,
                done.jobs,
                most=int(message["max_containers"]),
                leave=self._leave,
                again=bool(message["again"]),
            )
            self._prepared.set_result(containers)
            left = JobsLeft(done.client, done.jobs.project, done.jobs.identity)
            self._jobs_left.set_result(left)
        elif done.client is not None:
            await done.client.close()
        await conversation.tell(News.PREPARED, refused=done.refused, lines=done.lines)
