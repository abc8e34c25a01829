"""Processes the demos start: each in a group of its own, so that stopping it stops all it started.

POSIX only. Whoever starts processes does it in a `Processes` block; leaving it, whatever the reason,
ends them in reverse order.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import TypeAlias

from typing_extensions import Self

INTERRUPTED = 130
"""Exit code of a command that was interrupted (128 + SIGINT)."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE_SECONDS = 30.0

_Handler: TypeAlias = "Callable[[int, FrameType | None], None] | signal.Handlers"

Command: TypeAlias = "Sequence[str | Path]"


class DemoFailed(Exception):
    """The demo cannot go on; the message says why and where to look."""


class Processes:
    """The processes that run, in the order they were started."""

    def __init__(self) -> None:
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._last: list[tuple[str, list[str]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A second Ctrl-C must not leave half of them behind; each wait below is bounded.
        with _handling(dict.fromkeys(_SIGNALS, signal.SIG_IGN)):
            while self._running:
                _end(*self._running.pop())
            for name, command in reversed(self._last):
                print(f"stopping {name}", flush=True)
                code = subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode
                if code != 0:
                    print(f"{name} may still run: {shlex.join(command)} ended with {code}")

    def start(
        self, name: str, command: Command, *, log: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start *command*; its output goes to the file *log*, or to ours where there is none."""
        with contextlib.ExitStack() as files:
            output = files.enter_context(log.open("wb")) if log else None
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
            )
        self._running.append((name, process))
        return process

    def at_the_end(self, name: str, command: Command) -> None:
        """Run *command*, which stops what is in the background, when all else has ended."""
        self._last.append((name, [str(word) for word in command]))

    def run(self, name: str, command: Command) -> None:
        """Run *command* to its end, its output with ours.

        Raises:
            DemoFailed: it ended with another exit code than 0.
        """
        process = self.start(name, command)
        code = process.wait()
        self._running.remove((name, process))
        if code != 0:
            msg = f"{name} ended with exit code {code}; its output above says why"
            raise DemoFailed(msg)


@contextlib.contextmanager
def exit_on_signals() -> Iterator[None]:
    """Make SIGINT, SIGTERM and SIGHUP leave by way of the `with` blocks.

    SIGINT too: whoever starts us in the background of a script has it ignored, and so would all
    we start.
    """

    def leave(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(128 + number)

    with _handling(dict.fromkeys(_SIGNALS, leave)):
        yield


@contextlib.contextmanager
def _handling(handlers: Mapping[signal.Signals, _Handler]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)


def _end(name: str, process: subprocess.Popen[bytes]) -> None:
    """Ask *process* to stop, then make its whole group stop."""
    if process.poll() is None:
        print(f"stopping {name} (pid {process.pid})", flush=True)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
    # The group outlives its leader where a child did not hear of the end.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
