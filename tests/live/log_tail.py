"""A log tail of one run, over the API's WebSocket."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from prefect_northflank.api.responses import LogLine
from typing_extensions import Self
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

from tests.live.api import LiveApi, Unexpected

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection


class Tail:
    """An open log tail; it remembers the lines that have come."""

    def __init__(self, api: LiveApi, job: str, run: str) -> None:
        query = urlencode({"queryType": "tail", "runId": run, "lineLimit": 100})
        base = api.access.base_url.rstrip("/").replace("http", "ws", 1)
        self._url = f"{base}{api.project.path}/jobs/{job}/logs?{query}"
        self._token = api.access.token
        self._socket: ClientConnection
        self.lines: list[str] = []
        self.ended = False

    def __enter__(self) -> Self:
        """Open the tail.

        Raises:
            Unexpected: the API refuses it.
        """
        auth = {"type": "init", "data": {"auth": {"type": "apiToken", "apiToken": self._token}}}
        try:
            self._socket = connect(self._url, open_timeout=30)
            self._socket.send(json.dumps(auth))
            first = json.loads(self._socket.recv(timeout=30))
        except (WebSocketException, OSError, ValueError) as error:
            raise Unexpected(f"a log tail could not be opened: {error!r}") from error
        if first != {"type": "init", "data": {"auth": "successful"}}:
            raise Unexpected(f"a log tail was answered with {first}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def wait_for(self, text: str, *, seconds: float) -> bool:
        """Return whether a line with *text* comes within some *seconds*."""
        return self._read(lambda: any(text in line for line in self.lines), seconds)

    def wait_for_end(self, *, seconds: float) -> bool:
        """Return whether the API ends the tail within some *seconds*."""
        return self._read(lambda: self.ended, seconds)

    def _read(self, is_done: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not is_done() and not self.ended and (left := end - time.monotonic()) > 0:
            self._receive(left)
        return is_done()

    def _receive(self, seconds: float) -> None:
        try:
            self._keep(json.loads(self._socket.recv(timeout=seconds)))
        except ConnectionClosed:
            self.ended = True
        except (TimeoutError, ValueError):
            return

    def _keep(self, message: object) -> None:
        if isinstance(message, dict) and message.get("type") == "log-lines":
            self.lines += [LogLine.parse(line).text for line in message.get("data") or ()]
