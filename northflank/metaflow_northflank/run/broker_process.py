"""The broker's process as the run sees it: started, asked, replaced when it dies, ended with the run."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

from metaflow_northflank.errors import NorthflankFailed
from metaflow_northflank.protocol import Ask, Message, News, decoded, encoded
from metaflow_northflank.run.broker_folder import BrokerFolder

START_SECONDS = 60.0
FINISH_SECONDS = 40.0
"""How long the run waits for the broker to end what still runs."""

APART_SECONDS = 300.0
"""How long an answer may take that nothing waits for: Northflank's hour may be used up."""

_LOOK_SECONDS = 0.05


class BrokerProcess:
    """One broker, and the connection of the run's process to it."""

    def __init__(self) -> None:
        self._folder = BrokerFolder()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._lines: Any = None
        self._prepared: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._is_ready = False
        """Whether this broker knows what the run needs."""
        self._is_closed = False

    @property
    def path(self) -> str:
        """The address of the broker's socket."""
        return self._folder.socket

    def start(self) -> None:
        """Start the process. It reads the token from its environment, and ends when this process does."""
        self._is_ready = False
        with open(self._folder.log, "ab") as log:  # noqa: PTH123  pathlib is slow to import
            self._process = subprocess.Popen(
                [sys.executable, "-m", "metaflow_northflank.broker", self.path],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # A module of the user's folder must not stand in for one of the broker's.
                cwd=self._folder.path,
                pass_fds=[self._folder.lock],
                # Ctrl-C is for the run, which then says what becomes of its containers.
                start_new_session=True,
            )

    def prepare(self, **details: Any) -> Message:
        """Have the broker check and remember what the run needs; return its answer."""
        self._prepared = details
        with self._lock:
            return self._prepare()

    def keep_alive(self) -> None:
        """Replace the broker if it has died, and tell the new one what the run needs until it knows."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            if not self._is_closed:
                self._revive()
        finally:
            self._lock.release()

    def ask_apart(self, what: Ask, **details: Any) -> Message:
        """Return the broker's answer to a question that delays no other: over a connection of its own.

        Raises:
            OSError: it does not answer.
            NorthflankFailed: it could not do what it was asked to.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(APART_SECONDS)
            connection.connect(self.path)
            connection.sendall(encoded({"ask": what.value, **details}))
            with connection.makefile("rb") as lines:
                return _answer(lines.readline())

    def finish(self, *, leave: bool) -> Message | None:
        """Have the broker end what still runs, or leave it; return its answer, None if it has not answered."""
        with self._lock:
            self._is_closed = True
            try:
                self._revive()
                return self._asked(Ask.FINISH, FINISH_SECONDS, leave=leave)
            except (OSError, NorthflankFailed):
                return None

    def close(self) -> None:
        """End the process and remove its folder."""
        self._is_closed = True
        self._disconnect()
        if self._process is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()
            try:
                self._process.wait(FINISH_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGKILL)
                self._process.wait()
        self._folder.close()

    def _revive(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            self._disconnect()
            self.start()
        if not self._is_ready:
            self._prepare(again=True)

    def _prepare(self, *, again: bool = False) -> Message:
        answer = self._asked(Ask.PREPARE, START_SECONDS, again=again, **self._prepared)
        self._is_ready = not answer["refused"]
        return answer

    def _asked(self, what: Ask, seconds: float, **details: Any) -> Message:
        if self._connection is None:
            self._connect()
        if self._connection is None:
            raise NorthflankFailed(f"Its broker does not answer: {self._last_words()}")
        self._connection.settimeout(seconds)
        self._connection.sendall(encoded({"ask": what.value, **details}))
        line = self._lines.readline()
        if not line:
            raise NorthflankFailed(f"Its broker has died: {self._last_words()}")
        return _answer(line)

    def _connect(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(self.path)
            except OSError:
                connection.close()
                if self._process is None or self._process.poll() is not None:
                    break
                time.sleep(_LOOK_SECONDS)
                continue
            self._connection, self._lines = connection, connection.makefile("rb")
            return
        raise NorthflankFailed(f"Its broker did not start: {self._last_words()}")

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _last_words(self) -> str:
        try:
            with open(self._folder.log, encoding="utf-8", errors="replace") as log:  # noqa: PTH123  as above
                return log.read()[-2000:].strip() or "it said nothing"
        except OSError:
            return "it said nothing"


def _answer(line: bytes) -> Message:
    answer = decoded(line or b"{}")
    if answer.get("news", News.REFUSED.value) == News.REFUSED.value:
        raise NorthflankFailed(str(answer.get("reason", "The run's broker has died.")))
    return answer
