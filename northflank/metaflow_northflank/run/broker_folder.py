"""The folder of a run's broker, with its socket and its log; a later run removes it if this one could not."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress

_PREFIX = "metaflow-nf-"
_LOCK = "lock"

_YOUNG_SECONDS = 60.0
"""A folder that is younger may not have been locked yet."""


class BrokerFolder:
    """A folder for this user alone: a process that can connect to the socket can start containers.

    It is locked while the run's process or its broker lives, which inherits `lock`.
    """

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix=_PREFIX)
        self.socket = os.path.join(self.path, "s")  # noqa: PTH118  pathlib is slow to import
        self.log = os.path.join(self.path, "log")  # noqa: PTH118  as above
        self.lock = _opened(self.path)
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    def close(self) -> None:
        """Remove it."""
        with suppress(OSError):
            os.close(self.lock)
        shutil.rmtree(self.path, ignore_errors=True)


def remove_left() -> None:
    """Remove the folders of this user's runs that were killed together with their brokers."""
    with os.scandir(tempfile.gettempdir()) as entries:
        found = [it for it in entries if it.name.startswith(_PREFIX)]
    for entry in found:
        # Another run may remove it at the same time; another user's cannot be opened.
        with suppress(OSError):
            about = entry.stat(follow_symlinks=False)
            if about.st_uid == os.getuid() and time.time() - about.st_mtime > _YOUNG_SECONDS:
                _remove_unless_locked(entry.path)


def _remove_unless_locked(path: str) -> None:
    lock = _opened(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(lock)


def _opened(path: str) -> int:
    name = os.path.join(path, _LOCK)  # noqa: PTH118  as above
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
