"""Finds the processes that belong to a stack by the mark in their environment, and ends them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from metaflow_prefect.headless.services.process_environment import MARKER

PROC = Path("/proc")


def is_alive(pid: int) -> bool:
    """Whether *pid* names a process that is not a zombie."""
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        if PROC.joinpath("self").exists():
            return False
    except OSError:
        return False
    else:
        return stat.rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def of_stack(home: Path) -> tuple[int, ...]:
    """The live processes marked with *home*, ourselves and our parents left out.

    Flow runs are sessions of their own, out of the supervisor's reach, but inherit the mark.
    Only Linux shows other processes' environments; elsewhere the answer is empty.
    """
    mark = f"{MARKER}={home}".encode()
    spared = _lineage()
    return tuple(
        pid
        for pid in _all_pids()
        if pid not in spared and mark in _environment(pid) and is_alive(pid)
    )


def end(home: Path, *, grace_seconds: float) -> int:
    """End every process marked with *home*, by force after *grace_seconds*; how many there were."""
    ended: set[int] = set()
    for wait, number in ((grace_seconds, signal.SIGTERM), (grace_seconds, signal.SIGKILL)):
        remaining = of_stack(home)
        if not remaining:
            break
        ended.update(remaining)
        for pid in remaining:
            send(pid, number)
        wait_until_gone(remaining, patience_seconds=wait)
    return len(ended)


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to *pid*; one that has just ended is what we wanted."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def wait_until_gone(pids: tuple[int, ...], *, patience_seconds: float) -> bool:
    """Wait until none of *pids* lives; False if one still does after *patience_seconds*."""
    deadline = time.monotonic() + patience_seconds
    while any(is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _all_pids() -> tuple[int, ...]:
    if not PROC.is_dir():
        return ()
    return tuple(int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _environment(pid: int) -> frozenset[bytes]:
    """The environment of *pid*; empty if it has ended or is not ours to look into."""
    try:
        return frozenset((PROC / str(pid) / "environ").read_bytes().split(b"\0"))
    except OSError:
        return frozenset()


def _lineage() -> frozenset[int]:
    """This process and its ancestors: `down` called from within a flow run must not end itself."""
    found = set()
    pid = os.getpid()
    while pid > 1 and pid not in found:
        found.add(pid)
        try:
            stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            break
        pid = int(stat.rpartition(")")[2].split()[1])
    return frozenset(found)
