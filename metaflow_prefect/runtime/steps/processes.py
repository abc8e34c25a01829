"""Running processes: reads their output line by line, and ends them with everything they started."""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from metaflow_prefect.runtime.in_flow.guard import Guard
from metaflow_prefect.runtime.steps.executor_protocol import OnLine, Stream

POLL_SECONDS = 0.1
"""The longest delay until a time limit or a cancellation, which Prefect raises in the polling thread, is noticed."""

_GRACE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL: what Metaflow's runtime gives its tasks (`NativeRuntime._killall`)."""

_CHUNK = 65536


class RunningProcess(Protocol):
    """A process that leads its own group.

    `outputs` are the descriptors its output is read from. `wakeup`, if there is one, becomes readable
    when `poll` may have a new answer.
    """

    @property
    def pid(self) -> int:
        """The process id, which is the group's too."""
        ...

    @property
    def outputs(self) -> Mapping[Stream, int]:
        """The descriptors from which its output is read."""
        ...

    @property
    def wakeup(self) -> int | None:
        """A descriptor that becomes readable when the process has ended, if there is one."""
        ...

    def poll(self) -> int | None:
        """Return the exit code if the process has ended."""
        ...

    def wait(self, seconds: float) -> int | None:
        """Wait at most *seconds* for the end; return the exit code if it has come."""
        ...


def pump(process: RunningProcess, on_line: OnLine, limit_seconds: float | None = None) -> int:
    """Pass on the lines of both streams until the process itself has ended; return its exit code.

    A child that outlives the process keeps the pipes open, so their end is not waited for.
    A process that still runs after *limit_seconds* is ended, with a line about that on its error stream.
    """
    is_late = _limit(limit_seconds)
    readers = [_Lines(fd, stream, on_line) for stream, fd in process.outputs.items()]
    with selectors.DefaultSelector() as selector:
        for reader in readers:
            selector.register(reader.fd, selectors.EVENT_READ, reader)
        is_open = len(readers)
        if process.wakeup is not None:
            selector.register(process.wakeup, selectors.EVENT_READ, None)
        while (code := process.poll()) is None:
            if is_late():
                text = f"Ended: still running after {limit_seconds:.0f} s.\n"
                on_line(Stream.STDERR, text.encode())
                end_group(process)
            elif not is_open:
                process.wait(POLL_SECONDS)
            else:
                is_open -= _read_available(selector)
    for reader in readers:
        reader.drain()
    return code


def _limit(seconds: float | None) -> Callable[[], bool]:
    """Return a function that says whether *seconds* have passed."""
    end = math.inf if seconds is None else time.monotonic() + seconds
    return lambda: time.monotonic() > end


def _read_available(selector: selectors.BaseSelector) -> int:
    """Wait a moment for output and pass it on; return how many streams have ended."""
    ended = 0
    for key, _ in selector.select(POLL_SECONDS):
        if key.data is not None and not key.data.read():
            selector.unregister(key.fd)
            ended += 1
    return ended


class _Lines:
    """Splits the bytes of one pipe into lines."""

    def __init__(self, fd: int, stream: Stream, on_line: OnLine) -> None:
        self.fd = fd
        os.set_blocking(fd, False)
        self._stream = stream
        self._on_line = on_line
        self._rest: list[bytes] = []

    def read(self) -> bool:
        """Read the available bytes; return False at the end of the stream."""
        try:
            data = os.read(self.fd, _CHUNK)
        except BlockingIOError:
            return True
        self._cut(data)
        return bool(data)

    def drain(self) -> None:
        """Read until the stream ends or has no more bytes, and pass on a last line without an end."""
        with contextlib.suppress(OSError):
            while data := os.read(self.fd, _CHUNK):
                self._cut(data)
        if rest := b"".join(self._rest):
            self._on_line(self._stream, rest)
        self._rest = []

    def _cut(self, data: bytes) -> None:
        # The unfinished line is kept in pieces: joining at each read would be quadratic in its length.
        first, *others = data.split(b"\n")
        self._rest.append(first)
        for piece in others:
            line = b"".join(self._rest)
            self._rest = [piece]
            self._on_line(self._stream, line + b"\n")


class RunningGroups:
    """The process groups of one executor, so that all of them can be ended at once.

    If this process is killed, its guard ends them.
    """

    def __init__(self) -> None:
        self._guard = Guard()
        self._running: set[int] = set()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self.is_stopped = False

    def add(self, group: int) -> bool:
        """Add a running group; return False if all groups were ended, and the caller must end this one."""
        with self._lock:
            if not self.is_stopped:
                self._guard.watch(group)
            self._running.add(group)
            return not self.is_stopped

    def discard(self, group: int) -> None:
        """Remove a group that has ended."""
        with self._changed:
            self._running.discard(group)
            self._guard.forget(group)
            self._changed.notify_all()

    def stop(self) -> None:
        """End every group, with SIGTERM first and then with SIGKILL. Their own threads reap them."""
        with self._changed:
            self.is_stopped = True
            for group in self._running:
                signal_group(group, signal.SIGTERM)
            if not self._changed.wait_for(lambda: not self._running, _GRACE_SECONDS):
                for group in self._running:
                    signal_group(group, signal.SIGKILL)
            self._guard.close()


def end_group(process: RunningProcess) -> None:
    """End *process* with everything it started, with SIGTERM first and then with SIGKILL."""
    try:
        if process.poll() is None:
            signal_group(process.pid, signal.SIGTERM)
            process.wait(_GRACE_SECONDS)
    finally:
        # Also after SIGTERM was enough: what the task started must not outlive it.
        signal_group(process.pid, signal.SIGKILL)
        process.wait(_GRACE_SECONDS)


def signal_group(group: int, number: int) -> None:
    """Send a signal to a process group, which may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
