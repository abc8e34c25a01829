"""Which database the server uses, and how its address is written and shown without its password."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from metaflow_prefect.headless.settings import (
    Postgres,
    PostgresManagement,
    Settings,
    StorageType,
    is_loopback,
)
from metaflow_prefect.headless.sources import MASK

SQLITE_DRIVER = "sqlite+aiosqlite"
POSTGRES_DRIVER = "postgresql+asyncpg"


class DatabaseKind(str, Enum):
    """How the database was chosen."""

    SQLITE = "sqlite"
    URL = "url"
    PG_VARIABLES = "pg-variables"
    MANAGED = "managed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The database of one stack; `url` holds the password, `label` does not."""

    kind: DatabaseKind
    url: str

    @property
    def is_postgres(self) -> bool:
        """Whether the server talks to PostgreSQL."""
        return self.url.startswith("postgresql")

    @property
    def label(self) -> str:
        """The address without the password."""
        return without_password(self.url)

    @property
    def sqlite_file(self) -> Path:
        """The file of a SQLite database."""
        return Path(self.url.split("///", 1)[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What this machine offers: facts the choice depends on."""

    postgres_answers: bool
    cluster_exists: bool
    binaries: Path | None


def choose(settings: Settings, surroundings: Surroundings) -> DatabaseKind:
    """The kind of database *settings* ask for on a machine like this.

    A URL wins and is never given up. `PREFECT_STORAGE_TYPE=postgres` alone means the server the
    PG* variables name; where that would be on this machine, nothing answers there and PostgreSQL's
    programs are installed, it means a cluster of our own.
    """
    storage = settings.storage
    if storage.url:
        return DatabaseKind.URL
    if storage.type is StorageType.SQLITE:
        return DatabaseKind.SQLITE
    return (
        DatabaseKind.MANAGED
        if _wants_cluster(storage.postgres, surroundings)
        else DatabaseKind.PG_VARIABLES
    )


def _wants_cluster(postgres: Postgres, surroundings: Surroundings) -> bool:
    match postgres.management:
        case PostgresManagement.MANAGED:
            return True
        case PostgresManagement.EXTERNAL:
            return False
        case PostgresManagement.AUTO:
            installed = surroundings.binaries is not None and not surroundings.postgres_answers
            return is_loopback(postgres.host) and (surroundings.cluster_exists or installed)


def sqlite(path: Path) -> Database:
    """The SQLite database in the file *path*."""
    return Database(kind=DatabaseKind.SQLITE, url=f"{SQLITE_DRIVER}:///{path}")


def from_url(url: str) -> Database:
    """The database of a URL, with the asynchronous drivers Prefect needs."""
    scheme, _, rest = url.partition("://")
    driver = SQLITE_DRIVER if scheme.startswith("sqlite") else POSTGRES_DRIVER
    return Database(kind=DatabaseKind.URL, url=f"{driver}://{rest}")


def from_parts(kind: DatabaseKind, settings: Settings, password: str) -> Database:
    """The PostgreSQL database the PG* variables name."""
    postgres = settings.storage.postgres
    user, secret = quote(postgres.user, safe=""), quote(password, safe="")
    host = f"[{postgres.host}]" if ":" in postgres.host else postgres.host
    name = quote(postgres.database, safe="")
    return Database(
        kind=kind, url=f"{POSTGRES_DRIVER}://{user}:{secret}@{host}:{postgres.port}/{name}"
    )


def without_password(url: str) -> str:
    """*url* with its password, also one in the query, replaced by stars."""
    parts = urlsplit(url)
    if parts.password is not None:
        who, _, where = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{who.split(':', 1)[0]}:{MASK}@{where}")
    if "password=" in parts.query:
        shown = [
            f"password={MASK}" if item.startswith("password=") else item
            for item in parts.query.split("&")
        ]
        parts = parts._replace(query="&".join(shown))
    if parts.scheme.startswith("sqlite"):
        return url
    return urlunsplit(parts)


def switch_warning(before: str | None, now: Database) -> str | None:
    """What to say if the last start used another database: nothing is copied or lost."""
    if before is None or before == now.label:
        return None
    return (
        f"the stack last ran on {before} and now uses {now.label}: flow runs, deployments and "
        "blocks are not copied; they stay where they were and are back when you switch back"
    )
