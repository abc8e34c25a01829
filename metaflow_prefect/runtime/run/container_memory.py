"""Whether the kernel killed a task's process because the container's memory ran out, and what would have been enough."""

from __future__ import annotations

import math
import signal
import threading

from metaflow_prefect.runtime.run.container_usage import ControlGroup

_HEADROOM = 1.25
"""How much more than it had a container is to get: a killed process did not live to say how much it needed."""

_ROUNDED_TO_MB = 256


class ContainerMemory:
    """The kernel's count of processes that it killed in this container; safe for all threads."""

    def __init__(self, group: ControlGroup | None) -> None:
        """Take the container's control group; without one, nothing is known."""
        self._group = group
        self._lock = threading.Lock()
        self._explained = 0 if group is None else group.processes_killed()

    def why_killed(self, step: str, code: int) -> str | None:
        """Return why a task of *step* ended with *code*, if the kernel killed it for its memory; None otherwise."""
        if self._group is None or code != -signal.SIGKILL:
            return None
        with self._lock:
            killed = self._group.processes_killed()
            if killed <= self._explained:
                return None
            self._explained += 1
        limit = self._group.limit_mb()
        if limit is None:
            return "Task failed: the machine ran out of memory, and the system killed its process."
        return (
            f"Task failed: its container ran out of memory, {limit:.0f} MB, and the system killed its process. "
            f"@resources(memory={enough_mb(limit)}) on step {step} gets a larger container at the next deploy."
        )


def enough_mb(limit_mb: float) -> int:
    """Return a request for memory that gets a container clearly larger than one of *limit_mb*.

    >>> enough_mb(512), enough_mb(1024), enough_mb(16384)
    (768, 1280, 20480)
    """
    return math.ceil(limit_mb * _HEADROOM / _ROUNDED_TO_MB) * _ROUNDED_TO_MB
