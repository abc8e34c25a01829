"""What one command costs, with everything it starts: wall time, CPU time, and the memory at its peak."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_SAMPLE_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One execution; CPU is of the process and of every descendant that was waited for."""

    wall_seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({min(self.values):.2f}-{max(self.values):.2f})"


def measure(words: Sequence[str], environment: Mapping[str, str], folder: Path) -> Cost:
    """Run a command to its end and return what it cost.

    Raises:
        subprocess.CalledProcessError: it failed; a failed run measures nothing.
    """
    with (folder / "output").open("wb") as output:
        before = time.perf_counter()
        process = subprocess.Popen(
            words,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - before
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        said = (folder / "output").read_text(errors="replace")[-2000:]
        raise subprocess.CalledProcessError(process.returncode, list(words), output=said)
    return Cost(wall_seconds=wall, cpu_seconds=usage.ru_utime + usage.ru_stime)


def cpu_seconds_of_children(process: psutil.Process) -> float:
    """Return the CPU time of the children of *process* that have ended, and of theirs."""
    times = process.cpu_times()
    return float(times.children_user + times.children_system)


def peak_megabytes(words: Sequence[str], environment: Mapping[str, str], folder: Path) -> float:
    """Run a command and return the largest sum of its tree's proportional set sizes that was seen."""
    process = subprocess.Popen(
        words, env=environment, cwd=folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    pause, peak = threading.Event(), 0.0
    while process.poll() is None:
        peak = max(peak, sum(pss_kilobytes(pid) for pid in _tree(process.pid)) / 1000)
        pause.wait(_SAMPLE_SECONDS)
    return peak


def _tree(root: int) -> list[int]:
    """Return *root* and its descendants, wherever their groups are."""
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                waiting += [int(child) for child in (thread / "children").read_text().split()]
    return found


def pss_kilobytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
