"""Measures the memory and processor time of process trees with /proc."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from northflank_emulator.execution.container import Usage

_PROC = Path("/proc")
_PARENT, _USER_TIME, _SYSTEM_TIME, _RESIDENT = 1, 11, 12, 21
"""Fields of /proc/<pid>/stat after the program's name, counted from 0: see proc(5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Process:
    parent: int
    usage: Usage


class Meter:
    """Measures process trees in one pass over /proc; measures nothing where it is missing (macOS)."""

    def __init__(self) -> None:
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._tick = os.sysconf("SC_CLK_TCK")

    def measure(self, roots: Mapping[str, int]) -> dict[str, Usage]:
        """Return what each tree uses, by name; shared pages count once for every process."""
        if not roots or not _PROC.joinpath("self").is_dir():
            return {}
        processes = self._all()
        children = _children(processes)
        return {name: _sum(processes, children, pid) for name, pid in roots.items()}

    def proportional_bytes(self, root: int) -> int:
        """Return the memory of the tree below *root*, with shared pages divided among their processes.

        Forked children share most of their memory, which the plain sum counts once per child. This is
        much slower to read, so call it only if the plain sum is too high.
        """
        processes = self._all()
        return sum(_proportional(pid) for pid in _below(_children(processes), root))

    def _all(self) -> dict[int, _Process]:
        found = {}
        for name in os.listdir(_PROC):  # noqa: PTH208  hundreds of processes, several times a second
            if name.isdigit():
                process = self._read(name)
                if process is not None:
                    found[int(name)] = process
        return found

    def _read(self, pid: str) -> _Process | None:
        try:
            text = _PROC.joinpath(pid, "stat").read_text(encoding="latin-1")
        except OSError:
            # The process ended meanwhile.
            return None
        fields = text.rpartition(")")[2].split()
        seconds = (int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])) / self._tick
        memory = int(fields[_RESIDENT]) * self._page
        return _Process(
            parent=int(fields[_PARENT]), usage=Usage(memory_bytes=memory, cpu_seconds=seconds)
        )


def _children(processes: Mapping[int, _Process]) -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for pid, process in processes.items():
        children.setdefault(process.parent, []).append(pid)
    return children


def _below(children: Mapping[int, list[int]], root: int) -> Iterator[int]:
    """Yield every process below *root*; the root is the emulator's init process."""
    waiting = list(children.get(root, ()))
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children.get(pid, ())


def _sum(processes: Mapping[int, _Process], children: Mapping[int, list[int]], root: int) -> Usage:
    tree = [processes[pid].usage for pid in _below(children, root)]
    return Usage(
        memory_bytes=sum(it.memory_bytes for it in tree),
        cpu_seconds=sum(it.cpu_seconds for it in tree),
    )


def _proportional(pid: int) -> int:
    try:
        text = _PROC.joinpath(str(pid), "smaps_rollup").read_text(encoding="latin-1")
    except OSError:
        # The process ended meanwhile.
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0
