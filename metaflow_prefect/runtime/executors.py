"""How one attempt of one task is executed: the interface, and the executor that starts a fresh process."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import IO, Protocol

_POLL_SECONDS = 0.1
"""Bounds how late we notice a time-out or a cancellation, which Prefect raises in the polling thread."""

_GRACE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL: what Metaflow's runtime gives its tasks (`NativeRuntime._killall`)."""

_CHUNK = 65536


class Stream(str, Enum):
    """The two output streams of a task."""

    STDOUT = "stdout"
    STDERR = "stderr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A process to run: its words and its whole environment."""

    words: Sequence[str]
    environment: Mapping[str, str]


OnLine = Callable[[Stream, bytes], None]


class StepExecutor(Protocol):
    """Executes commands, several at a time, each called from a thread of its own."""

    def run(self, command: Command, on_line: OnLine) -> int:
        """Execute *command* to its end and return its exit code, negative for a signal.

        `on_line` is called in the calling thread, once per line, with the line's end if it has one.
        If the call is interrupted by an exception, the command's whole process group is ended first.
        """
        ...

    def stop(self) -> None:
        """End every running command and its children; later calls of `run` do nothing and return -15."""
        ...


class FreshProcess:
    """One new interpreter per attempt, in a process group of its own."""

    def __init__(self) -> None:
        self._running: set[int] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, command: Command, on_line: OnLine) -> int:
        """Execute *command* (see `StepExecutor.run`)."""
        with self._lock:
            if self._stopped:
                return -signal.SIGTERM
            # A session of its own lets us end the task with everything it started, and nothing else.
            process = subprocess.Popen(
                list(command.words),
                env=dict(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self._running.add(process.pid)
        try:
            _pump(process, on_line)
            return process.wait()
        finally:
            if process.poll() is None:
                _end_group(process)
            with self._lock:
                self._running.discard(process.pid)
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

    def stop(self) -> None:
        """End every running command (see `StepExecutor.stop`); their threads reap them."""
        with self._lock:
            self._stopped = True
            running = tuple(self._running)
        for group in running:
            _signal_group(group, signal.SIGTERM)
        deadline = threading.Event()
        if running and not self._drained(deadline):
            for group in running:
                _signal_group(group, signal.SIGKILL)

    def _drained(self, pause: threading.Event) -> bool:
        for _ in range(int(_GRACE_SECONDS / _POLL_SECONDS)):
            with self._lock:
                if not self._running:
                    return True
            pause.wait(_POLL_SECONDS)
        return False


def _pump(process: subprocess.Popen[bytes], on_line: OnLine) -> None:
    """Hand on the lines of both streams until the process itself has ended.

    A child that outlives the process keeps the pipes open, so their end is not waited for.
    """
    readers = {
        Stream.STDOUT: _Lines(process.stdout, Stream.STDOUT, on_line),
        Stream.STDERR: _Lines(process.stderr, Stream.STDERR, on_line),
    }
    with selectors.DefaultSelector() as selector:
        for reader in readers.values():
            selector.register(reader.fd, selectors.EVENT_READ, reader)
        while process.poll() is None:
            if not selector.get_map():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL_SECONDS)
                continue
            for key, _ in selector.select(_POLL_SECONDS):
                if not key.data.read():
                    selector.unregister(key.fd)
    for reader in readers.values():
        reader.drain()


class _Lines:
    """Cuts what arrives on one pipe into lines."""

    def __init__(self, pipe: IO[bytes] | None, stream: Stream, on_line: OnLine) -> None:
        assert pipe is not None  # noqa: S101  both pipes were asked for
        self.fd = pipe.fileno()
        os.set_blocking(self.fd, False)
        self._stream = stream
        self._on_line = on_line
        self._rest = b""

    def read(self) -> bool:
        """Read what is there; return False at the end of the stream."""
        try:
            data = os.read(self.fd, _CHUNK)
        except BlockingIOError:
            return True
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._on_line(self._stream, line + b"\n")
        return bool(data)

    def drain(self) -> None:
        """Read until the stream ends or runs dry, and hand on a last line without an end."""
        while True:
            try:
                data = os.read(self.fd, _CHUNK)
            except (BlockingIOError, OSError):
                break
            if not data:
                break
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._on_line(self._stream, line + b"\n")
        if self._rest:
            self._on_line(self._stream, self._rest)
            self._rest = b""


def _end_group(process: subprocess.Popen[bytes]) -> None:
    _signal_group(process.pid, signal.SIGTERM)
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # Also after a polite end: what the task started must not outlive it.
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
