"""Measures what the container of this run uses, from the files of its control group (cgroup, version 1 or 2).

Where the run shares its control group with other programs, as on a process pool, the peak of the container is not its
own: then the kernel's figures for its processes count, and of memory only those of the largest one.
"""

from __future__ import annotations

import os
import re
import resource
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from metaflow_prefect.runtime.progress.usage import MemoryOf, Usage

_EVERY_SECONDS = 1.0
"""How often the memory in use is read: two small files, about 50 microseconds."""

_MEBIBYTE = 1024**2
_NO_LIMIT = 2**50
"""Version 1 writes an unlimited memory as a number of bytes that no machine has."""

_ROOT = Path("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """Where a version of control groups says what."""

    mount: str
    """The folder below /sys/fs/cgroup of the controller of memory."""
    used: str
    peak: str
    limit: str
    not_needed: str
    """The key of memory.stat for files that the kernel has cached and can drop."""


_VERSION_1 = _Files(
    mount="memory",
    used="memory.usage_in_bytes",
    peak="memory.max_usage_in_bytes",
    limit="memory.limit_in_bytes",
    not_needed="total_inactive_file",
)
_VERSION_2 = _Files(
    mount="",
    used="memory.current",
    peak="memory.peak",
    limit="memory.max",
    not_needed="inactive_file",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlGroup:
    """The control group of this container: its folder for memory, and the files in it; `cpu` is its folder for CPU."""

    memory: Path
    cpu: Path
    files: _Files

    @classmethod
    def own(cls, root: Path = _ROOT, pid: int | None = None) -> ControlGroup | None:
        """Find the control group of process *pid*, this one by default; None if other programs are in it too."""
        me = os.getpid() if pid is None else pid
        paths = _paths(_text(root / "proc" / str(me) / "cgroup"))
        mounted = root / "sys/fs/cgroup"
        files = _VERSION_1 if "memory" in paths else _VERSION_2
        memory = _folder(mounted / files.mount, paths.get("memory", paths.get("", "/")))
        members = _numbers(_text(memory / "cgroup.procs"))
        if not memory.joinpath(files.used).is_file() or not _is_ours(root, me, members):
            return None
        cpu = memory
        if files is _VERSION_1:
            cpu = _folder(mounted / "cpuacct", paths.get("cpuacct", "/"))
        return cls(memory=memory, cpu=cpu, files=files)

    def limit_mb(self) -> float | None:
        """Return the memory that the container has."""
        limit = _number(self.memory / self.files.limit)
        return None if limit is None or limit >= _NO_LIMIT else limit / _MEBIBYTE

    def working_set_mb(self) -> float:
        """Return the memory in use now, without files that the kernel has cached and can drop: what a limit counts."""
        used = _number(self.memory / self.files.used) or 0
        found = re.search(
            rf"^{self.files.not_needed} (\d+)$", _text(self.memory / "memory.stat"), re.MULTILINE
        )
        return max(used - (int(found[1]) if found else 0), 0) / _MEBIBYTE

    def peak_mb(self) -> float | None:
        """Return the most memory that was in use at once, cached files included; None if the kernel does not say."""
        peak = _number(self.memory / self.files.peak)
        return None if peak is None else peak / _MEBIBYTE

    def cpu_seconds(self) -> float | None:
        """Return the CPU time of everything that has run in the container."""
        if self.files is _VERSION_1:
            nanoseconds = _number(self.cpu / "cpuacct.usage")
            return None if nanoseconds is None else nanoseconds / 1e9
        found = re.search(r"^usage_usec (\d+)$", _text(self.cpu / "cpu.stat"), re.MULTILINE)
        return None if found is None else int(found[1]) / 1e6

    def processes_killed(self) -> int:
        """Return how many of its processes the kernel has killed because memory ran out."""
        name = "memory.oom_control" if self.files is _VERSION_1 else "memory.events"
        found = re.search(r"^oom_kill (\d+)$", _text(self.memory / name), re.MULTILINE)
        return int(found[1]) if found else 0


class UsageMeter:
    """Measures one execution of a run, which has its process to itself."""

    def __init__(self, group: ControlGroup | None) -> None:
        """Take the container's control group; None measures processes only. CPU time counts from now on."""
        self._group = group
        self._cpu_before = None if group is None else group.cpu_seconds()
        self._highest = 0.0
        self._is_over = threading.Event()

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Read the memory in use again and again while the block runs."""
        if self._group is None:
            yield
            return
        thread = threading.Thread(
            target=self._sample, args=(self._group,), name="container-usage", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()

    def _sample(self, group: ControlGroup) -> None:
        while True:
            self._highest = max(self._highest, group.working_set_mb())
            if self._is_over.wait(_EVERY_SECONDS):
                return

    def usage(self) -> Usage:
        """Return what was used until now; processes that still run count where there is a control group."""
        own, ended = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        largest = max(_own_peak_mb() or _resident_mb(own.ru_maxrss), _resident_mb(ended.ru_maxrss))
        if self._group is None:
            return Usage(
                memory_mb=largest,
                memory_of=MemoryOf.LARGEST_PROCESS,
                cpu_seconds=sum(it.ru_utime + it.ru_stime for it in (own, ended)),
            )
        # Between two readings a process may have used more for a moment; the kernel has noted that.
        seen = max(self._highest, self._group.working_set_mb(), largest)
        peak = self._group.peak_mb()
        cpu = self._group.cpu_seconds()
        if cpu is not None and self._cpu_before is not None:
            # The container may have started, installed packages, or served another run before.
            cpu -= self._cpu_before
        return Usage(
            memory_mb=seen if peak is None else min(seen, peak),
            memory_limit_mb=self._group.limit_mb(),
            cpu_seconds=cpu,
        )


def _own_peak_mb() -> float | None:
    """Return the most memory that this program has had; None where the kernel does not say.

    The `ru_maxrss` of a process counts the program before its `exec` too: one that a large process has started would
    report the size of the other one (Linux: `setmax_mm_hiwater_rss` in `exec_mmap`).
    """
    found = re.search(r"^VmHWM:\s+(\d+) kB$", _text(Path("/proc/self/status")), re.MULTILINE)
    return int(found[1]) / 1024 if found else None


def _paths(text: str) -> Mapping[str, str]:
    """Return the path of each controller in /proc/PID/cgroup; version 2 has one, without a name."""
    lines = [line.split(":", 2) for line in text.splitlines() if line.count(":") >= 2]  # noqa: PLR2004  of three fields
    return {name: path for _, names, path in lines for name in names.split(",")}


def _folder(mounted: Path, path: str) -> Path:
    """Return the folder of the group *path*, which is the mounted one itself where a container sees only its own."""
    inside = mounted / path.lstrip("/")
    return inside if inside.is_dir() else mounted


def _is_ours(root: Path, me: int, members: frozenset[int]) -> bool:
    """Say whether *members* are only this process, those that started it, and those that it started."""
    ours = {me, *_ancestors(root, me)}
    return me in members and all(pid in ours or me in _ancestors(root, pid) for pid in members)


def _ancestors(root: Path, pid: int) -> list[int]:
    found: list[int] = []
    while (parent := _parent(root, pid)) and parent not in found:
        found.append(parent)
        pid = parent
    return found


def _parent(root: Path, pid: int) -> int | None:
    # The program's name, in parentheses, may have spaces.
    fields = _text(root / "proc" / str(pid) / "stat").rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 else None


def _numbers(text: str) -> frozenset[int]:
    return frozenset(int(word) for word in text.split() if word.isdigit())


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    """Return what the kernel says in *path*; nothing if there is no such file, or the process has ended."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _resident_mb(maximum: int) -> float:
    return maximum / (_MEBIBYTE if sys.platform == "darwin" else 1024)
