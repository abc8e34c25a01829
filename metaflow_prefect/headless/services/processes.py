"""Finds the processes that belong to a stack by the mark in their environment, and ends them."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from metaflow_prefect.headless.services.process_environment import MARKER
from metaflow_prefect.headless.waiting import wait_until

if TYPE_CHECKING:
    from psutil import Process  # loaded where it is used: `status` rarely looks for processes


def is_alive(pid: int) -> bool:
    """Return whether *pid* names a process that is not a zombie."""
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def of_stack(home: Path) -> tuple[int, ...]:
    """Return the live processes marked with *home*, without this one and its ancestors.

    Flow runs lead their own sessions, out of the supervisor's reach, but inherit the mark.
    `down` called from within a flow run must not end itself.
    """
    import psutil

    this = psutil.Process()
    spared = {this.pid, *(parent.pid for parent in this.parents())}
    return tuple(
        process.pid
        for process in psutil.process_iter()
        if process.pid not in spared and _mark(process) == str(home) and is_alive(process.pid)
    )


def end(home: Path, *, grace_seconds: float) -> int:
    """End every process marked with *home*, by force after *grace_seconds*; return how many."""
    ended: set[int] = set()
    for number in (signal.SIGTERM, signal.SIGKILL):
        remaining = of_stack(home)
        if not remaining:
            break
        ended.update(remaining)
        for pid in remaining:
            send(pid, number)
        wait_until_gone(remaining, timeout_seconds=grace_seconds)
    return len(ended)


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to *pid*, which may have ended already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def wait_until_gone(pids: tuple[int, ...], *, timeout_seconds: float) -> bool:
    """Wait until all of *pids* have ended; return False if one has not after *timeout_seconds*."""
    return wait_until(
        lambda: not any(is_alive(pid) for pid in pids), seconds=timeout_seconds, every=0.05
    )


def _mark(process: Process) -> str | None:
    """Return which stack *process* says it belongs to; None if it has ended or is not readable."""
    import psutil

    try:
        environment: dict[str, str] = process.environ()
    except (psutil.Error, OSError):
        return None
    return environment.get(MARKER)
