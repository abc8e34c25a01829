"""A proxy of our own between two programs: it holds, cuts, delays or answers requests as its rules say.

What it has begun to pass on it passes on, though the one who asked has hung up meanwhile: so a request can arrive long
after everybody has given it up. Rules can be added and taken away at any time, from any thread.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import TypeAlias
from urllib.parse import urlsplit

from typing_extensions import Self

STARTS_WITHIN_SECONDS = 20.0
LONGEST_HOLD_SECONDS = 600.0
_HEAD_END = b"\r\n\r\n"
_LONGEST_HEAD = 1 << 20


class Deed(Enum):
    """What is done to a request."""

    HOLD = "hold"
    """It is passed on later: when the rule lets go, or after its seconds."""
    DELAY = "delay"
    """It is passed on at once; its answer comes later."""
    CUT_BEFORE = "cut before"
    """The connection is closed; nothing is passed on."""
    CUT_AFTER = "cut after"
    """It is passed on; the connection is closed in place of the answer."""
    TRUNCATE = "truncate"
    """The connection is closed in the middle of the answer."""
    ANSWER = "answer"
    """The proxy answers itself; nothing is passed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request on its way."""

    method: str
    path: str
    """With its query."""
    headers: dict[str, str]
    """With names in small letters."""
    body: bytes
    sender: str
    """Name of the worker that sends it, where Prefect's client says so; otherwise its user agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the proxy answers itself."""

    status: int = 502
    body: bytes = b"<html><body>Bad Gateway</body></html>"
    headers: Sequence[tuple[str, str]] = (("content-type", "text/html"),)

    def as_bytes(self) -> bytes:
        """Return the answer as it goes over the wire."""
        lines = [f"HTTP/1.1 {self.status} As the rule says"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [f"content-length: {len(self.body)}", "connection: close"]
        return "\r\n".join(lines).encode() + _HEAD_END + self.body


def every(_: Request) -> bool:
    """Match every request."""
    return True


@dataclass(slots=True, eq=False, kw_only=True)
class Rule:
    """What is done to which requests."""

    deed: Deed
    matches: Callable[[Request], bool] = every
    times: int | None = None
    """To how many requests; None: to all while the rule is there."""
    probability: float = 1.0
    seconds: tuple[float, float] = (LONGEST_HOLD_SECONDS, LONGEST_HOLD_SECONDS)
    """How long HOLD and DELAY last: a number between these two."""
    answer: Answer = field(default_factory=Answer)
    struck: list[Request] = field(default_factory=list)
    """The requests it was done to, as they came."""
    passed_on: list[Request] = field(default_factory=list)
    """Those of them that have reached the other side."""
    let_go: threading.Event = field(default_factory=threading.Event)
    """Set it to end HOLD and DELAY."""

    def strikes(self, request: Request, chance: random.Random) -> bool:
        """Whether the deed is to be done to *request*; counts it if so."""
        spent = self.times is not None and len(self.struck) >= self.times
        if spent or not self.matches(request) or chance.random() >= self.probability:
            return False
        self.struck.append(request)
        return True

    async def wait(self, chance: random.Random) -> None:
        """Wait as long as HOLD and DELAY last."""
        left = chance.uniform(*self.seconds)
        while left > 0 and not self.let_go.is_set():
            await asyncio.sleep(min(left, 0.05))
            left -= 0.05


class Proxy:
    """Listens at a free port of this machine and passes on to *upstream*. Use as a context manager."""

    def __init__(self, upstream: str, *, seed: int = 1) -> None:
        """*upstream* is an address like http://127.0.0.1:4200/api; what follows host and port stays as it is."""
        parts = urlsplit(upstream)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._path = parts.path
        self._chance = random.Random(seed)
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LONGEST_HEAD), self._loop
        ).result(STARTS_WITHIN_SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(STARTS_WITHIN_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STARTS_WITHIN_SECONDS)
        self._loop.close()

    @property
    def url(self) -> str:
        """The address to use in place of *upstream*."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self._path}"

    @contextmanager
    def rule(self, rule: Rule) -> Iterator[Rule]:
        """Have *rule* while the block runs; what it still holds is let go at the end."""
        with self._lock:
            self._rules.append(rule)
        try:
            yield rule
        finally:
            with self._lock:
                self._rules.remove(rule)
            rule.let_go.set()

    def _rule_for(self, request: Request) -> Rule | None:
        with self._lock:
            return next((it for it in self._rules if it.strikes(request, self._chance)), None)

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._one(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve the one request of a connection: each gets a connection of its own, or an upgraded one for good."""
        head = await reader.readuntil(_HEAD_END)
        request = await _read(head, reader)
        rule = self._rule_for(request)
        deed = rule.deed if rule is not None else None
        if rule is not None and deed is Deed.CUT_BEFORE:
            return
        if rule is not None and deed is Deed.ANSWER:
            writer.write(rule.answer.as_bytes())
            await writer.drain()
            return
        if rule is not None and deed is Deed.HOLD:
            await rule.wait(self._chance)
        upstream = await asyncio.open_connection(self._host, self._port)
        try:
            upgrades = "upgrade" in request.headers
            upstream[1].write(head if upgrades else _closing(head))
            upstream[1].write(request.body)
            await upstream[1].drain()
            if upgrades:
                await _both_ways((reader, writer), upstream)
                return
            if rule is None:
                await _pipe(upstream[0], writer)
                return
            answer = await upstream[0].read(-1)
            rule.passed_on.append(request)
            await self._hand_back(answer, rule, writer)
        finally:
            upstream[1].close()

    async def _hand_back(self, answer: bytes, rule: Rule, writer: asyncio.StreamWriter) -> None:
        if rule.deed is Deed.CUT_AFTER:
            return
        if rule.deed is Deed.DELAY:
            await rule.wait(self._chance)
        if rule.deed is Deed.TRUNCATE:
            answer = answer[: -max(1, len(answer) // 4)]
        writer.write(answer)
        await writer.drain()


async def _read(head: bytes, reader: asyncio.StreamReader) -> Request:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    sender = headers.get("x-prefect-worker-name") or headers.get("user-agent", "")
    return Request(method=method, path=path, headers=headers, body=body, sender=sender)


def _closing(head: bytes) -> bytes:
    """Return *head* with the wish that the connection is closed after the answer."""
    lines = head[: -len(_HEAD_END)].split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*kept, b"connection: close"]) + _HEAD_END


Connection: TypeAlias = "tuple[asyncio.StreamReader, asyncio.StreamWriter]"


async def _both_ways(client: Connection, upstream: Connection) -> None:
    """Pass on what either side sends until one of them hangs up."""
    pipes = {
        asyncio.create_task(_pipe(client[0], upstream[1])),
        asyncio.create_task(_pipe(upstream[0], client[1])),
    }
    try:
        await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pipe in pipes:
            pipe.cancel()
        await asyncio.gather(*pipes, return_exceptions=True)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while block := await reader.read(1 << 16):
            writer.write(block)
            await writer.drain()
