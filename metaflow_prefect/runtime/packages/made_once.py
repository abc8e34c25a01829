"""Folders that are made once and then shared by all processes of this machine: whole, or not there."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

_COMPLETE = ".complete"
"""The file that a folder has when it is whole."""


def cache_folder(environment: Mapping[str, str], name: str) -> Path:
    """Return the folder for what can be made again: below XDG_CACHE_HOME or ~/.cache, or for temporary files.

    The last is for containers whose user has no home, or one that cannot be written to.
    """
    home = environment.get("HOME") or str(Path.home())
    below = Path(environment.get("XDG_CACHE_HOME") or f"{home}/.cache") / "metaflow-prefect" / name
    try:
        below.mkdir(parents=True, exist_ok=True)
        if os.access(below, os.W_OK):
            return below
    except OSError:
        pass
    # Of this user only: others must not put programs there.
    found = Path(tempfile.gettempdir()) / f"metaflow-prefect-{os.getuid()}"
    found.mkdir(mode=0o700, exist_ok=True)
    if found.stat().st_uid != os.getuid():
        found = Path(tempfile.mkdtemp(prefix="metaflow-prefect-"))
    (found / name).mkdir(parents=True, exist_ok=True)
    return found / name


def is_made(folder: Path) -> bool:
    """Say whether *folder* is whole."""
    return (folder / _COMPLETE).exists()


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return *folder*, which `make(folder)` fills if no process has; the folder is empty then.

    Processes that want it at the same time wait for the one that makes it. What a process has left
    unfinished, because it was killed or `make` failed, is removed and made again.
    """
    if is_made(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    # The system unlocks it when the process ends, however that happens.
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_made(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / _COMPLETE).touch()
    return folder
