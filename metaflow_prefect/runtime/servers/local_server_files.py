"""The files of the local server: its record, its log, and the locks that its users and its process hold.

Below `$PREFECT_HOME/metaflow-prefect`, so that a server belongs to one Prefect database:

* `server.json`: where it listens, while it serves;
* `starting.lock`: held by the process that starts, stops or ends the server;
* `users.lock`: held, shared, by each run that uses the server, which may end when the lock is free.

The system releases a lock when its holder dies, so a dead process cannot leave a wrong state.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from metaflow_prefect.errors import SettingRefused
from metaflow_prefect.runtime import variables
from metaflow_prefect.server_settings import make_database_private

_IDLE_SECONDS = 600
_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600


class Mode(str, Enum):
    """Which server a run uses where no PREFECT_API_URL is configured.

    `SHARED`: one that outlives the run, is used by the next, and ends when idle.
    `EMBEDDED`: Prefect's own, which starts and ends with each run.
    """

    SHARED = "shared"
    EMBEDDED = "embedded"

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Mode:
        """Return the mode that *environment* names, or else `SHARED`.

        Raises:
            SettingRefused: there is no such mode.
        """
        value = environment.get(variables.LOCAL_SERVER) or cls.SHARED.value
        try:
            return cls(value)
        except ValueError:
            raise SettingRefused(
                f"There is no local server mode {value!r}.",
                fix=f"set {variables.LOCAL_SERVER} to one of {', '.join(cls)}",
            ) from None


def idle_seconds(environment: Mapping[str, str]) -> float:
    """Return how long an unused server stays, in seconds.

    Raises:
        SettingRefused: the variable is not a positive number.
    """
    value = environment.get(variables.LOCAL_SERVER_IDLE_SECONDS) or str(_IDLE_SECONDS)
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise SettingRefused(
            f"{variables.LOCAL_SERVER_IDLE_SECONDS}={value!r} is not a number of seconds.",
            fix=f"set it to a number above 0, or unset it for {_IDLE_SECONDS}",
        )
    return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A server that answers: its process, its address, and what it was started with."""

    pid: int
    url: str
    """The API's address, for PREFECT_API_URL."""
    prefect_version: str
    idle_seconds: float


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """The folder of one local server, with its files."""

    folder: Path

    @classmethod
    def below(cls, prefect_home: Path) -> ServerFiles:
        """Return the files that belong to a PREFECT_HOME; create their folder, for its owner only."""
        make_database_private(prefect_home)
        folder = prefect_home / "metaflow-prefect"
        folder.mkdir(exist_ok=True, mode=_PRIVATE_FOLDER)
        return cls(folder)

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.folder / "server.log"

    @property
    def _record(self) -> Path:
        return self.folder / "server.json"

    def read(self) -> RunningServer | None:
        """Return the recorded server; it may be gone."""
        try:
            return RunningServer(**json.loads(self._record.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None  # never written, or by another release of this package

    def write(self, server: RunningServer) -> None:
        """Record a server that answers."""
        new = self._record.with_suffix(".new")
        new.write_text(json.dumps(asdict(server)), encoding="utf-8")
        new.replace(self._record)

    def clear(self) -> None:
        """Remove the record."""
        self._record.unlink(missing_ok=True)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Hold the lock for starting, stopping and ending the server; wait for it first."""
        with self._held("starting.lock", fcntl.LOCK_EX):
            yield

    @contextmanager
    def using(self) -> Iterator[None]:
        """Hold the lock of a run that uses the server."""
        with self._held("users.lock", fcntl.LOCK_SH):
            yield

    @contextmanager
    def ending(self) -> Iterator[bool]:
        """Yield whether no process uses or starts the server; none can begin to while the block runs."""
        try:
            with (
                self._held("starting.lock", fcntl.LOCK_EX | fcntl.LOCK_NB),
                self._held("users.lock", fcntl.LOCK_EX | fcntl.LOCK_NB),
            ):
                yield True
        except BlockingIOError:
            yield False

    def is_used(self) -> bool:
        """Say whether a run uses the server."""
        try:
            with self._held("users.lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
                return False
        except BlockingIOError:
            return True

    @contextmanager
    def _held(self, name: str, kind: int) -> Iterator[None]:
        descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, _PRIVATE_FILE)
        try:
            fcntl.flock(descriptor, kind)
            yield
        finally:
            os.close(descriptor)
