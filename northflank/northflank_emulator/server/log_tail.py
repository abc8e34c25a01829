"""Log tails: a WebSocket that authenticates in its first message, then sends lines as they arrive.

Protocol (observed with the vendor's Python and JavaScript clients):
client `{"type":"init","data":{"auth":{"type":"apiToken","apiToken":…}}}`, server
`{"type":"init","data":{"auth":"successful"}}`, then `{"type":"log-lines","data":[…]}`.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace

from starlette.websockets import WebSocket, WebSocketDisconnect

from northflank_emulator.api import Api
from northflank_emulator.choices import CountedTails, TailEnd
from northflank_emulator.errors import ApiError, Forbidden, Unauthenticated
from northflank_emulator.fields.schema import Json, JsonObject
from northflank_emulator.server import log_query, responses
from northflank_emulator.server.rate_limit import RateLimiter
from northflank_emulator.server.routing import Call
from northflank_emulator.state.models import LogLine, Run
from northflank_emulator.state.permissions import Permission

_BATCH_CHARACTERS = 32_700
_INIT_SECONDS = 30
_NORMAL_END = 1000
_REFUSED = 1008


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tail:
    """What one client tails."""

    project: str
    job: str
    query: log_query.LogQuery


class LogTail:
    """Serves the log tails of one API."""

    def __init__(self, api: Api, limiter: RateLimiter | None) -> None:
        self._api = api
        self._limiter = limiter

    async def __call__(self, socket: WebSocket) -> None:
        """Serve one tail until its run is over or the client disconnects."""
        await socket.accept()
        try:
            await self._converse(socket)
        except WebSocketDisconnect:
            return

    async def _converse(self, socket: WebSocket) -> None:
        try:
            query = await self._open(socket)
        except ApiError as error:
            # To a client, a first message without "auth": "successful" is a refusal.
            await socket.send_json({"type": "error", "data": {"message": error.message}})
            await socket.close(_REFUSED)
            return
        await socket.send_json({"type": "init", "data": {"auth": "successful"}})
        leaving = asyncio.create_task(_disconnected(socket))
        following = asyncio.create_task(self._follow(socket, query))
        await asyncio.wait({leaving, following}, return_when=asyncio.FIRST_COMPLETED)
        for task in (leaving, following):
            task.cancel()
        await asyncio.gather(leaving, following, return_exceptions=True)

    async def _open(self, socket: WebSocket) -> _Tail:
        try:
            first: Json = json.loads(await asyncio.wait_for(socket.receive_text(), _INIT_SECONDS))
        except (ValueError, KeyError, RecursionError, asyncio.TimeoutError) as error:
            raise Unauthenticated(
                "Unauthorized: the first message must be the init message"
            ) from error
        token = _token(first)
        role = self._api.settings.tokens.get(token)
        if role is None:
            raise Unauthenticated("Unauthorized: the API token is missing or not valid")
        if self._limiter and self._api.settings.choices.counted_tails is CountedTails.COUNTED:
            self._limiter.take(token, self._api.clock.now())
        if Permission.JOB_LOGS not in role.permissions:
            raise Forbidden(f"Forbidden: the token's role lacks {Permission.JOB_LOGS.value!r}")
        call = Call(
            api=self._api,
            params=socket.path_params,
            query=socket.query_params.multi_items(),
        )
        job = self._api.domain.job(call.params["project"], call.params["job"])
        query = log_query.of_tail(call, self._api.clock.now())
        if query.wanted.run is not None:
            self._api.runs.get(job.project, job.id, query.wanted.run)
        return _Tail(project=job.project, job=job.id, query=query)

    async def _follow(self, socket: WebSocket, tail: _Tail) -> None:
        """Send past lines, then new ones; end with the run if the query names one."""
        logs, wanted = self._api.store.logs, tail.query.wanted
        seen = logs.newest_number()
        lines = logs.last(tail.project, tail.job, wanted, tail.query.limit)
        while True:
            over = self._is_over(tail)
            if tail.query.runtime:
                await self._send(socket, lines)
            if lines:
                seen = max(seen, lines[-1].number)
            if not lines and over:
                await socket.close(_NORMAL_END)
                return
            if not over:
                await self._api.log_writer.news(self._api.settings.pace.log_tail)
            lines = logs.first(tail.project, tail.job, replace(wanted, after=seen), 10_000)

    def _is_over(self, tail: _Tail) -> bool:
        run_id = tail.query.wanted.run
        if run_id is None or self._api.settings.choices.tail_end is TailEnd.WITH_THE_JOB:
            return self._api.store.jobs.get((tail.project, tail.job)) is None
        run: Run | None = self._api.store.runs.get((tail.project, tail.job, run_id))
        return run is None or run.conclusion is not None

    async def _send(self, socket: WebSocket, lines: list[LogLine]) -> None:
        batch: list[JsonObject] = []
        size = 0
        for line in lines:
            if batch and size + len(line.text) > _BATCH_CHARACTERS:
                await socket.send_json({"type": "log-lines", "data": batch})
                batch, size = [], 0
            batch.append(responses.log_line(line, self._api.settings.choices))
            size += len(line.text)
        if batch:
            await socket.send_json({"type": "log-lines", "data": batch})


async def _disconnected(socket: WebSocket) -> None:
    """Return when the client has disconnected; ignore what it sends before."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _token(first: Json) -> str:
    found: Json = first
    for name in ("data", "auth", "apiToken"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""
