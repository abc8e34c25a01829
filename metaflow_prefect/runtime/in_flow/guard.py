"""A small process that ends the running steps if this process is killed.

A killed flow process would leave its steps behind: they would go on beside those of the run's next
execution, and both would write. So the guard learns which process groups run: it
reads from a pipe whose other end only this process holds, and kills them when the pipe ends.

Run as `python guard.py`; its input is one line per change: `+GROUP`, `-GROUP`.
It imports nothing of this package: it is started by path, where the package may not be importable.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable


class Guard:
    """The guard of some process groups; its process starts with the first of them.

    A group is without its guard from the moment it starts until `watch` has been called.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The id of the guard's process, if there is one."""
        return None if self._process is None else self._process.pid

    def watch(self, group: int) -> None:
        """Have *group* killed when this process ends before `forget` is called."""
        with self._lock:
            if self._process is None:
                self._process = _start()
            self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """Undo `watch`: the group has ended."""
        with self._lock:
            self._tell(f"-{group}\n")

    def close(self) -> None:
        """End the guard's process, and with it every group that it still watches; `watch` starts another."""
        with self._lock:
            process, self._process = self._process, None
            if process is not None and process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
                process.wait()

    def _tell(self, line: str) -> None:
        if self._process is None or self._process.stdin is None:
            return
        # The guard was killed: steps run without one, as they would where none can be started.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode())


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # Neither site-packages nor the user's folder: it needs the standard library's smallest part.
        [sys.executable, "-I", "-S", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        cwd="/",
        # A signal that ends this process or its group must not end the guard first.
        start_new_session=True,
    )


def stand_guard(lines: Iterable[str]) -> None:
    """Follow *lines* to their end, then kill every group that was added and not removed."""
    groups: set[int] = set()
    for line in lines:
        change = groups.add if line.startswith("+") else groups.discard
        change(int(line[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    # Only the end of the pipe ends it: a container that is told to stop gives its flow a moment.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stand_guard(sys.stdin)
