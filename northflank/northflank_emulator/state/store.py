"""The state of an emulator: in memory for reading, in SQLite for the next start."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter

from northflank_emulator.state.log_store import LogStore
from northflank_emulator.state.models import (
    AccountItem,
    Build,
    BuildService,
    Job,
    Project,
    Run,
    SecretGroup,
    Webhook,
)
from northflank_emulator.state.paging import Numbered

Entity = TypeVar("Entity", bound=Numbered)

_DATABASE = "state.sqlite"
_LOCK = "lock"
_MADE_HERE = frozenset({_DATABASE, _LOCK})
_FILES = _MADE_HERE | {f"{_DATABASE}-wal", f"{_DATABASE}-shm", f"{_DATABASE}-journal"}
_PRIVATE_DIRECTORY = 0o700
_PRIVATE_FILE = 0o600
_SCHEMA = """
CREATE TABLE IF NOT EXISTS things (
    kind TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, number)
) WITHOUT ROWID;
"""


class StateInUse(Exception):
    """Another emulator has this state directory open."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"--state-dir {directory}: another emulator is using this state directory. "
            "Stop it, or give this one its own directory."
        )


class StateRefused(Exception):
    """The emulator cannot use the state directory."""

    def __init__(self, directory: Path, problem: str) -> None:
        super().__init__(
            f"--state-dir {directory}: {problem}. "
            "Give the emulator its own directory, which this user may write to."
        )


class Table(Generic[Entity]):
    """The entities of one kind, by their *key* and by their *owner* (a project, a job)."""

    def __init__(
        self,
        database: sqlite3.Connection,
        kind: str,
        of: type[Entity],
        key: Callable[[Entity], Hashable],
        owner: Callable[[Entity], Hashable],
    ) -> None:
        self._database = database
        self._kind = kind
        self._adapter: TypeAdapter[Entity] = TypeAdapter(of)
        self._key = key
        self._owner = owner
        self._entities: dict[Hashable, Entity] = {}
        self._owned: dict[Hashable, dict[Hashable, Entity]] = {}
        rows = database.execute(
            "SELECT body FROM things WHERE kind = ? ORDER BY number", (self._kind,)
        )
        for (body,) in rows.fetchall():
            self._remember(self._adapter.validate_json(body))

    def put(self, entity: Entity) -> Entity:
        """Store *entity*, and replace the one with its key."""
        self._remember(entity)
        body = self._adapter.dump_json(entity).decode()
        self._database.execute(
            "INSERT OR REPLACE INTO things VALUES (?, ?, ?)", (self._kind, entity.number, body)
        )
        return entity

    def remove(self, entity: Entity) -> None:
        """Delete *entity*."""
        key = self._key(entity)
        self._entities.pop(key, None)
        self._owned.get(self._owner(entity), {}).pop(key, None)
        self._database.execute(
            "DELETE FROM things WHERE kind = ? AND number = ?", (self._kind, entity.number)
        )

    def get(self, key: Hashable) -> Entity | None:
        """Return the entity with *key*, or None."""
        return self._entities.get(key)

    def of(self, owner: Hashable) -> list[Entity]:
        """Return the entities of *owner*, oldest first."""
        return list(self._owned.get(owner, {}).values())

    def __iter__(self) -> Iterator[Entity]:
        return iter(list(self._entities.values()))

    def __len__(self) -> int:
        return len(self._entities)

    def _remember(self, entity: Entity) -> None:
        key = self._key(entity)
        self._entities[key] = entity
        self._owned.setdefault(self._owner(entity), {})[key] = entity


def _no_owner(_: object) -> Hashable:
    return None


def _its_project(entity: Job | BuildService | SecretGroup) -> Hashable:
    return entity.project


def _its_job(entity: Run) -> Hashable:
    return (entity.project, entity.job)


def _its_builder(entity: Build) -> Hashable:
    return entity.builder


def _own_id(entity: Project | AccountItem | Webhook) -> Hashable:
    return entity.id


def _in_project(entity: Job | BuildService | SecretGroup) -> Hashable:
    return (entity.project, entity.id)


def _in_job(entity: Run) -> Hashable:
    return (entity.project, entity.job, entity.id)


def _in_builder(entity: Build) -> Hashable:
    return (entity.builder, entity.id)


def _opened(directory: Path | None) -> sqlite3.Connection:
    """Open the database of a state directory, or one in memory.

    Raises:
        StateRefused: the file is not a database of the emulator.
    """
    database = sqlite3.connect(
        directory / _DATABASE if directory else ":memory:",
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        # State must survive the death of the process, not of the machine: WAL needs no sync per write for that.
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(_SCHEMA)
    except sqlite3.DatabaseError as error:
        database.close()
        raise StateRefused(directory or Path(), f"{_DATABASE}: {error}") from error
    return database


class Store:
    """All state of one emulator; without a directory it ends with the process.

    Not safe for threads: one event loop owns it.
    """

    def __init__(self, directory: Path | None = None) -> None:
        if directory:
            _make_private(directory)
        self._lock = _Lock(directory) if directory else None
        database = self._database = _opened(directory)
        self.projects = Table(database, "project", Project, _own_id, _no_owner)
        self.jobs = Table(database, "job", Job, _in_project, _its_project)
        self.runs = Table(database, "run", Run, _in_job, _its_job)
        self.services = Table(database, "build-service", BuildService, _in_project, _its_project)
        self.builds = Table(database, "build", Build, _in_builder, _its_builder)
        self.secrets = Table(database, "secret", SecretGroup, _in_project, _its_project)
        self.tags = Table(database, "tag", AccountItem, _own_id, _no_owner)
        self.registries = Table(database, "registry", AccountItem, _own_id, _no_owner)
        self.webhooks = Table(database, "webhook", Webhook, _own_id, _no_owner)
        self.logs = LogStore(database)
        (highest,) = database.execute("SELECT MAX(number) FROM things").fetchone()
        self._number = highest or 0

    def next_number(self) -> int:
        """Return the next number in the order of creation."""
        self._number += 1
        return self._number

    def close(self) -> None:
        """Close the database and release the directory."""
        self._database.close()
        if self._lock is not None:
            self._lock.close()


def _make_private(directory: Path) -> None:
    """Create *directory* for this user only, or close an existing one to others: it holds secrets of jobs.

    A directory with foreign files keeps its mode; the files of the state are private in any case.

    Raises:
        StateRefused: the directory cannot be used, or every user may put files into it.
    """
    try:
        directory.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        found = directory.stat()
        if found.st_uid == os.getuid() and {it.name for it in directory.iterdir()} <= _FILES:
            directory.chmod(_PRIVATE_DIRECTORY)
        elif found.st_mode & stat.S_IWOTH:
            raise StateRefused(directory, "every user may put files into it")
        for name in sorted(_FILES):
            _make_file_private(directory / name, create=name in _MADE_HERE)
    except OSError as error:
        raise StateRefused(directory, str(error.strerror or error).lower()) from error


def _make_file_private(path: Path, *, create: bool) -> None:
    """Let only this user read *path*; SQLite gives its other files the same mode."""
    if create:
        path.touch(mode=_PRIVATE_FILE)
    with suppress(FileNotFoundError):
        path.chmod(_PRIVATE_FILE)


class _Lock:
    """Locks a state directory; the system releases the lock when the process ends."""

    def __init__(self, directory: Path) -> None:
        self._file = (directory / _LOCK).open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise StateInUse(directory) from error

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()
