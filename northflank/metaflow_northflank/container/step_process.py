"""The step's shell in the container: started, watched, ended with all its processes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

LOOK_SECONDS = 0.1
DRAIN_SECONDS = 10.0
"""How long the processes that write the step's log may take after it."""

TERMINATE_SECONDS = 8.0
"""Between SIGTERM and SIGKILL; less than the shortest grace period that Northflank gives a container (15 s)."""

_SIGNALED = 128
"""A shell reports a command that a signal has killed as this and the signal's number."""


class StepProcess:
    """The shell that bootstraps and executes the step, in a process group of its own."""

    def __init__(self, script: str) -> None:
        """Start the shell script at the path *script*."""
        self._shell = subprocess.Popen(["bash", script], start_new_session=True)
        self._terminated_at: float | None = None

    def terminate(self) -> None:
        """Ask it to end; `wait` kills it if it does not."""
        if self._terminated_at is None:
            self._terminated_at = time.monotonic()
            self._send(signal.SIGTERM)

    def wait(self, on_look: Callable[[], None]) -> int:
        """Return its exit code as a shell would; call *on_look* now and then."""
        while (code := self._shell.poll()) is None:
            on_look()
            since = self._terminated_at
            if since is not None and time.monotonic() - since > TERMINATE_SECONDS:
                self._send(signal.SIGKILL)
            time.sleep(LOOK_SECONDS)
        self._drain()
        return code if code >= 0 else _SIGNALED - code

    def _drain(self) -> None:
        """Wait for what the shell has left: above all the processes that write its log."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < deadline and self._has_processes():
            time.sleep(LOOK_SECONDS / 2)

    def _has_processes(self) -> bool:
        # As the container's first process, this one has to bury those whose parents are gone.
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        try:
            os.killpg(self._shell.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._shell.pid, number)
