"""The files and directories of one stack below PREFECT_HOME, and who may read them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from metaflow_prefect.headless.errors import HomeRefused
from metaflow_prefect.server_settings import make_database_private

MAX_SOCKET_PATH_BYTES = 90
"""sockaddr_un.sun_path holds 104 bytes on macOS and 108 on Linux; supervisor appends ".<pid>"."""
PROBE_BYTES = 2**20
"""The empty database alone takes this much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The paths of the stack whose PREFECT_HOME is *home*."""

    home: Path

    @property
    def database(self) -> Path:
        """The SQLite database, where Prefect puts it by default."""
        return self.home / "prefect.db"

    @property
    def logs(self) -> Path:
        """One file for each service, rotated."""
        return self.home / "logs"

    @property
    def work(self) -> Path:
        """Working directory of the services: empty, so that no `.env` of a user is read there."""
        return self.home / "work"

    @property
    def private(self) -> Path:
        """What only `prefect-headless` reads and writes."""
        return self.home / "headless"

    @property
    def configuration(self) -> Path:
        """The supervisor's configuration; it holds no secret."""
        return self.private / "supervisord.conf"

    @property
    def pid_file(self) -> Path:
        """The supervisor's process id."""
        return self.private / "supervisord.pid"

    @property
    def record(self) -> Path:
        """What runs, for the other commands."""
        return self.private / "stack.json"

    @property
    def last_storage(self) -> Path:
        """Label of the storage the last `up` used."""
        return self.private / "last-storage"

    @property
    def lock(self) -> Path:
        """Held while a stack is started."""
        return self.private / "lock"

    @property
    def auth_string(self) -> Path:
        """The generated auth string."""
        return self.private / "auth-string"

    @property
    def emulator_token(self) -> Path:
        """The generated token of the emulator."""
        return self.private / "emulator-token"

    @property
    def emulator_state(self) -> Path:
        """What the emulator remembers."""
        return self.home / "emulator"

    @property
    def postgres_password(self) -> Path:
        """The password of the managed cluster, as a libpq pass file."""
        return self.private / "pgpass"

    @property
    def unfinished_cluster(self) -> Path:
        """There while the managed cluster is being created."""
        return self.private / "initdb-under-way"

    @property
    def socket(self) -> Path:
        """The supervisor's control socket; in the temporary directory if *home* is too long."""
        beside = self.private / "supervisor.sock"
        if len(os.fsencode(beside)) <= MAX_SOCKET_PATH_BYTES:
            return beside
        name = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"prefect-headless-{os.getuid()}" / f"{name}.sock"

    def log(self, service: str) -> Path:
        """Return the log file of *service*."""
        return self.logs / f"{service}.log"


def make_private(directory: Path) -> None:
    """Create *directory* for this user only (0700), or close this user's existing one to others.

    Raises:
        HomeRefused: it cannot be created or belongs to another user.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.stat().st_uid != os.getuid():
            raise HomeRefused(
                f"{directory} belongs to another user",
                fix="choose another directory with PREFECT_HOME",
            )
        directory.chmod(0o700)
    except OSError as error:
        raise HomeRefused(
            f"{directory} cannot be used: {error.strerror}",
            fix="make it writable, or choose another directory with PREFECT_HOME",
        ) from error


def prepare(layout: Layout, *further: Path) -> None:
    """Create every directory of *layout* and check that the disk has some space.

    The *further* directories are the user's: created if missing, left as they are if they exist.

    Raises:
        HomeRefused: a directory cannot be created or written (read-only, disk full, another user's).
    """
    for directory in (layout.home, layout.logs, layout.work, layout.private):
        make_private(directory)
    make_database_private(layout.home)
    for directory in further:
        if not directory.is_dir():
            make_private(directory)
    if layout.socket.parent != layout.private:
        make_private(layout.socket.parent)
    probe = layout.private / "writable"
    try:
        probe.write_bytes(b"x" * PROBE_BYTES)
    except OSError as error:
        raise HomeRefused(
            f"{layout.home} cannot be written: {error.strerror}",
            fix="free some space or make it writable, or choose another PREFECT_HOME",
        ) from error
    finally:
        probe.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write *text* to *path* atomically, readable by this user only."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
