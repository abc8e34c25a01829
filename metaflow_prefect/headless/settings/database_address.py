"""Which database the server uses, and how its address is written and shown without its password."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from metaflow_prefect.headless.settings.model import (
    Postgres,
    PostgresManagement,
    Settings,
    StorageType,
    bracketed,
    is_loopback,
)
from metaflow_prefect.headless.settings.sources import MASK

SQLITE_DRIVER = "sqlite+aiosqlite"
POSTGRES_DRIVER = "postgresql+asyncpg"
SQLITE_PLUGIN = "metaflow-prefect-immediate"
"""Entry point of `metaflow_prefect.sqlite_transactions` in the group `sqlalchemy.plugins` (pyproject.toml)."""


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
        return Path(self.url.split("///", 1)[-1].partition("?")[0])

    @property
    def is_missing_file(self) -> bool:
        """Whether this is a SQLite database that is still to be made."""
        return not self.is_postgres and not self.sqlite_file.exists()

    @property
    def server_url(self) -> str:
        """The address as the server gets it: on SQLite its transactions wait for one another."""
        if self.is_postgres:
            return self.url
        return f"{self.url}{'&' if '?' in self.url else '?'}plugin={SQLITE_PLUGIN}"


class ProbeResult(str, Enum):
    """The result of probing a database."""

    READY = "ready"
    UNREACHABLE = "unreachable"
    NO_DATABASE = "no database"
    REFUSED = "refused"
    UNFIT = "unfit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The result of a probe, and the sentence that explains it."""

    result: ProbeResult
    reason: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """What the choice of database has to know about this machine."""

    postgres_answers: bool
    cluster_exists: bool
    binaries: Path | None


def choose(settings: Settings, machine: MachineFacts) -> DatabaseKind:
    """Return the kind of database that *settings* ask for on *machine*.

    A URL wins and is never given up. `PREFECT_STORAGE_TYPE=postgres` alone means the server the
    PG* variables name; where that would be on this machine, nothing answers there and PostgreSQL's
    programs are installed, it means a managed cluster.
    """
    storage = settings.storage
    if storage.url:
        return DatabaseKind.URL
    if storage.type is StorageType.SQLITE:
        return DatabaseKind.SQLITE
    return (
        DatabaseKind.MANAGED
        if _wants_cluster(storage.postgres, machine)
        else DatabaseKind.PG_VARIABLES
    )


def _wants_cluster(postgres: Postgres, machine: MachineFacts) -> bool:
    match postgres.management:
        case PostgresManagement.MANAGED:
            return True
        case PostgresManagement.EXTERNAL:
            return False
        case PostgresManagement.AUTO:
            installed = machine.binaries is not None and not machine.postgres_answers
            return is_loopback(postgres.host) and (machine.cluster_exists or installed)


def sqlite(path: Path) -> Database:
    """Return the SQLite database in the file *path*."""
    return Database(kind=DatabaseKind.SQLITE, url=f"{SQLITE_DRIVER}:///{path}")


def from_url(url: str) -> Database:
    """Return the database of a URL, with the asynchronous drivers Prefect needs.

    libpq's `sslmode` gets the name the driver has for it: hosted PostgreSQL gives out such URLs.
    """
    scheme, _, rest = url.partition("://")
    driver = SQLITE_DRIVER if scheme.startswith("sqlite") else POSTGRES_DRIVER
    address, mark, query = rest.partition("?")
    options = "&".join(re.sub("^sslmode=", "ssl=", option) for option in query.split("&"))
    return Database(kind=DatabaseKind.URL, url=f"{driver}://{address}{mark}{options}")


def from_parts(kind: DatabaseKind, settings: Settings, password: str) -> Database:
    """Return the PostgreSQL database the PG* variables name."""
    postgres = settings.storage.postgres
    user, secret = quote(postgres.user, safe=""), quote(password, safe="")
    host, name = bracketed(postgres.host), quote(postgres.database, safe="")
    return Database(
        kind=kind, url=f"{POSTGRES_DRIVER}://{user}:{secret}@{host}:{postgres.port}/{name}"
    )


def without_password(url: str) -> str:
    """Return *url* with its password, also one in the query, replaced by stars."""
    if url.startswith("sqlite"):
        return url
    parts = urlsplit(url)
    if parts.password is not None:
        who, _, where = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{who.split(':', 1)[0]}:{MASK}@{where}")
    query = re.sub(r"(password=)[^&]*", rf"\1{MASK}", parts.query, flags=re.IGNORECASE)
    return urlunsplit(parts._replace(query=query))


def switch_warning(before: str | None, now: Database) -> str | None:
    """Return a warning if the last start used another database: nothing is copied or lost."""
    if before is None or before == now.label:
        return None
    return (
        f"the stack last ran on {before} and now uses {now.label}: flow runs, deployments and "
        "blocks are not copied; they stay where they were and are back when you switch back"
    )
