"""Looks for what the import of a flow has left behind and forked tasks must not share; Linux only.

It imports nothing of this package: it is loaded by path, where the package may not be importable.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import sys
import warnings
from collections.abc import Iterator

_THREADS = "/proc/self/task"
_DESCRIPTORS = "/proc/self/fd"


def open_descriptors() -> frozenset[int]:
    """Return the descriptors of this process."""
    found = set()
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208  no pathlib before the flow asks for it
        with contextlib.suppress(OSError):  # the listing's own is closed by now
            os.fstat(int(name))
            found.add(int(name))
    return frozenset(found)


def problems(file: str, descriptors_before: frozenset[int]) -> tuple[str, ...]:
    """Return, in words, why tasks cannot be forked from this process; nothing where they can."""
    return tuple(f"importing {file} {problem}" for problem in _problems(descriptors_before))


def _problems(descriptors_before: frozenset[int]) -> Iterator[str]:
    if threads := _lasting_threads():
        yield f"started {_count(threads, 'thread')}{_their_names()}"
    if _has_children():
        yield "started a process"
    if shared := _shared_descriptors(descriptors_before):
        yield f"left {_count(shared, 'file or connection', 'files or connections')} open"
    if _makes_temporary_directory():
        yield "made a temporary directory, which ends with the process"


def _lasting_threads() -> int:
    """Count the threads, beside this one, that a fork would leave out of the child.

    Libraries that can be forked (OpenBLAS) end their threads when that happens and start them anew
    when they are needed: those threads are gone after a fork.
    """
    if _threads() > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python 3.12 warns of a fork beside threads
            child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    return _threads() - 1


def _threads() -> int:
    return len(os.listdir(_THREADS))  # noqa: PTH208  no pathlib before the flow asks for it


def _their_names() -> str:
    threading = sys.modules.get("threading")
    if threading is None:
        return ""
    others = [
        thread.name for thread in threading.enumerate() if thread is not threading.main_thread()
    ]
    return f" ({', '.join(others)})" if others else ""


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _shared_descriptors(before: frozenset[int]) -> int:
    return sum(not _is_log_file(fd) for fd in open_descriptors() - before)


def _is_log_file(fd: int) -> bool:
    """Say whether all that *fd* can do is append, which several processes may do at the same time."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    appends = bool(flags & os.O_APPEND) and flags & os.O_ACCMODE == os.O_WRONLY
    return appends and stat.S_ISREG(os.fstat(fd).st_mode)


def _makes_temporary_directory() -> bool:
    tempfile = sys.modules.get("tempfile")
    if tempfile is None:
        return False
    registry = sys.modules["weakref"].finalize._registry  # noqa: SLF001  the only way to see them
    clean_up = tempfile.TemporaryDirectory._cleanup.__func__  # noqa: SLF001  as above
    return any(getattr(info.func, "__func__", None) is clean_up for info in registry.values())


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or one + 's'}"
