"""What the user wants, as one value; pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from metaflow_prefect.headless.settings.precedence import Sources

#: Addresses that stand for all interfaces, and how the same machine reaches what listens there.
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- compared, not bound


class StorageType(str, Enum):
    """PREFECT_STORAGE_TYPE."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"


class PostgresManagement(str, Enum):
    """PREFECT_HEADLESS_POSTGRES: whether a cluster of our own may be started."""

    AUTO = "auto"
    MANAGED = "managed"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The API server; `base_path` begins with a slash and has none at its end."""

    host: str
    port: int
    base_path: str
    auth_string: str | None
    allow_unauthenticated: bool
    api_processes: int
    migrate: bool
    ui_static_directory: Path

    @property
    def migrates_beforehand(self) -> bool:
        """Whether the tables are made before the server starts: several processes would race."""
        return self.migrate and self.api_processes > 1

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)

    @property
    def answers_on_loopback(self) -> bool:
        """Whether the server is reached as `localhost`, among others or only."""
        return self.is_loopback or self.host in ANYWHERE

    @property
    def local_url(self) -> str:
        """The API as this machine reaches it, whatever address the users are told."""
        reach = ANYWHERE.get(self.host, self.host)
        return f"http://{bracketed(reach)}:{self.port}{self.base_path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """The PG* variables; `password` is None when neither it nor a pass file was given."""

    user: str
    password: str | None
    host: str
    port: int
    database: str
    pass_file: Path | None
    host_given: bool
    management: PostgresManagement
    wait_seconds: float
    cluster_directory: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """The database as asked for: a `url` wins over everything else."""

    type: StorageType
    url: str | None
    strict: bool
    postgres: Postgres


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """`count` equal workers of one pool."""

    pool: str
    type: str
    limit: int
    query_seconds: float
    count: int
    environment: tuple[str, ...]
    variables: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the user asked for.

    `findings` are sentences they should read, `server_findings` those that are of no interest
    where only workers are started.
    """

    home: Path
    flows_directory: Path
    storage_directory: Path
    server: Server
    api_url: str
    ui_api_url: str
    api_url_given: bool
    storage: Storage
    workers: Workers
    logging_level: str
    logging_to_api: bool
    quiet: bool
    ephemeral: bool
    crash_zombies: bool
    emulator: bool
    emulator_port: int
    sources: Sources
    findings: tuple[str, ...] = ()
    server_findings: tuple[str, ...] = ()

    @property
    def browser_origins(self) -> tuple[str, ...]:
        """Where the pages come from that may call the API from within a browser.

        The UI as the server gives it out, also under this machine's other name.
        """
        names = ("localhost", "127.0.0.1") if self.server.answers_on_loopback else ()
        addresses = (
            self.ui_api_url,
            self.server.local_url,
            *(f"http://{name}:{self.server.port}" for name in names),
        )
        return tuple(dict.fromkeys(_origin(address) for address in addresses))

    def as_running(self, *, port: int, api_url: str, ui_api_url: str) -> Settings:
        """These settings with the addresses of a stack that runs already."""
        server = replace(self.server, port=port)
        return replace(self, server=server, api_url=api_url, ui_api_url=ui_api_url)


def is_loopback(host: str) -> bool:
    """Whether *host* can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bracketed(host: str) -> str:
    """*host* as it stands in a URL: IPv6 addresses need brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _origin(url: str) -> str:
    """Scheme, host and port of *url*, as a browser's `Origin` header has them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
