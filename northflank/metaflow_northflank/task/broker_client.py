"""A task's conversation with the broker of its run; blocking, and again with the broker that replaces a dead one."""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from metaflow_northflank.protocol import Ask, Message, decoded, encoded

PATIENCE_SECONDS = 30.0
"""How long a task waits for another broker after its own has died."""

_RETRY_SECONDS = 0.2


class BrokerLost(Exception):
    """The broker is gone, and with it the run."""


class Broken(Exception):
    """The connection ended; there may be another broker."""


class BrokerClient:
    """One connection to the broker, whose news arrive in the background."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._news: queue.Queue[Message | None] = queue.Queue()

    def connect(self) -> None:
        """Connect; wait for another broker if there is none.

        Raises:
            BrokerLost: there will be none.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(self._path)
            except OSError as error:
                connection.close()
                # The run removes the folder when it ends.
                if time.monotonic() > deadline or not os.path.isdir(os.path.dirname(self._path)):  # noqa: PTH112, PTH120  pathlib is slow to import
                    raise BrokerLost from error
                time.sleep(_RETRY_SECONDS)
                continue
            # What an earlier connection has brought, its end above all, is not this one's.
            self._socket, self._news = connection, queue.Queue()
            threading.Thread(target=_listen, args=(connection, self._news), daemon=True).start()
            return

    def ask(self, what: Ask, **details: Any) -> None:
        """Send a request; what is lost with the connection is for the caller to ask again.

        Raises:
            Broken: the connection has ended.
        """
        self._send({"ask": what.value, **details})

    def news(self, seconds: float) -> Message | None:
        """Return the next message; None if there is none within *seconds*.

        Raises:
            Broken: the connection has ended.
        """
        try:
            message = self._news.get(timeout=seconds)
        except queue.Empty:
            return None
        if message is None:
            raise Broken
        return message

    def close(self) -> None:
        """End the conversation."""
        if self._socket is not None:
            self._socket.close()

    def _send(self, message: Mapping[str, Any]) -> None:
        if self._socket is None:
            raise Broken
        try:
            self._socket.sendall(encoded(message))
        except OSError as error:
            raise Broken from error


def _listen(connection: socket.socket, news: queue.Queue[Message | None]) -> None:
    """Put each message into *news*, and None at the end of the connection."""
    # However the connection ends, it has ended.
    with suppress(OSError, ValueError), connection.makefile("rb") as lines:
        for line in lines:
            news.put(decoded(line))
    news.put(None)
