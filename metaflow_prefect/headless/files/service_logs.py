"""Reads the services' log files: the last lines and new ones, across rotation."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO


def last_lines(path: Path, count: int) -> tuple[str, ...]:
    """Return the last *count* lines of *path*; none if it does not exist."""
    if count <= 0:
        return ()
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return tuple(line.rstrip("\n") for line in deque(file, maxlen=count))
    except FileNotFoundError:
        return ()


class Follower:
    """Complete lines of one file, which may not exist yet, be rotated or be truncated."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self._partial = ""

    def new_lines(self) -> Iterator[str]:
        """Yield every line finished since the last call; at the first call, all."""
        if self._file is None and not self._open():
            return
        yield from self._read()
        if self._was_replaced():
            self.close()
            if self._open():
                yield from self._read()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> bool:
        try:
            self._file = self._path.open(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return False
        return True

    def _read(self) -> Iterator[str]:
        text = self._partial + (self._file.read() if self._file else "")
        *lines, self._partial = text.split("\n")
        yield from lines

    def _was_replaced(self) -> bool:
        if self._file is None:
            return False
        try:
            current = self._path.stat()
        except FileNotFoundError:
            return False
        opened = os.fstat(self._file.fileno())
        return current.st_ino != opened.st_ino or current.st_size < self._file.tell()


class LogForwarder:
    """Copies the lines of several log files to one output, each with its service's name."""

    def __init__(self, files: Mapping[str, Path], write: Callable[[str], None]) -> None:
        self._followers = {name: Follower(path) for name, path in files.items()}
        self._write = write
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-pump", daemon=True)

    def start(self) -> None:
        """Forward what is written from now on."""
        for follower in self._followers.values():
            deque(follower.new_lines(), maxlen=0)
        self._thread.start()

    def stop(self) -> None:
        """Forward what is left and end."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.2):
            self._copy()
        self._copy()
        for follower in self._followers.values():
            follower.close()

    def _copy(self) -> None:
        for name, follower in self._followers.items():
            for line in follower.new_lines():
                self._write(f"{name} | {line}")
