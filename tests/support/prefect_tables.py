"""A SQLite database with Prefect's tables: making them takes a server five seconds of CPU, copying them nothing."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.support import quick_start

NAME = "prefect.db"


def make(folder: Path) -> Path:
    """Return the database in *folder*; make it if no other process has made it there already."""
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / NAME
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not database.exists():
            _make(folder / "home").rename(database)
    return database


def _make(home: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"],
        env={**os.environ, **quick_start.ENVIRONMENT, "PREFECT_HOME": str(home)}, check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    with closing(sqlite3.connect(home / NAME)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return home / NAME


def place(tables: Path, home: Path) -> None:
    """Give the server that will have *home* as its PREFECT_HOME a copy of *tables*."""
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(tables, home / NAME)
