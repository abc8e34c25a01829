"""The settings as one value, and the variable behind each field; pure.

Each variable is declared once, as the field that it fills: pydantic turns its text into the field's
type, and the field's docstring is its meaning in the documentation.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    Json,
)

from metaflow_prefect.headless.settings.sources import Sources, Variable

ALL_INTERFACES = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  compared, not bound
"""Addresses that stand for all interfaces, and those at which this machine reaches a server there."""
HIGHEST_PORT = 65535

FieldPath: TypeAlias = tuple[str, ...]
"""Where a field of `Settings` is: ("server", "port")."""


def variable(
    name: str,
    *,
    native: tuple[str, ...] = (),
    default: str | None = None,
    default_is: str = "",
    secret: bool = False,
) -> Any:
    """Return the field that the variable *name* fills; see `Variable` for the rest."""
    facts: Any = {
        "name": name,
        "native": native,
        "default": default,
        "default_is": default_is,
        "secret": secret,
    }
    return Field(json_schema_extra=facts)


def _between(least: float, most: float = math.inf) -> BeforeValidator:
    limits = f"at least {least:g}" if most == math.inf else f"{least:g} to {most:g}"

    def number(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            raise ValueError("is not a number") from None
        if not math.isfinite(found) or not least <= found <= most:
            raise ValueError(f"is out of range (allowed: {limits})")
        return found

    return BeforeValidator(number)


def _base_path(text: str) -> str:
    path = text.strip("/")
    return f"/{path}" if path else ""


def _names(text: str | None) -> list[str]:
    return (text or "").replace(",", " ").split()


def _of_database(part: str) -> tuple[str, str]:
    """Return Prefect's present and former name for one *part* of the database's address."""
    return f"PREFECT_SERVER_DATABASE_{part}", f"PREFECT_API_DATABASE_{part}"


Flag = Annotated[bool, BeforeValidator(str.strip)]
Folder = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
Port = Annotated[int, _between(1, HIGHEST_PORT)]
PortOrAny = Annotated[int, _between(0, HIGHEST_PORT)]
"""A port; 0 stands for any free one."""
Word = BeforeValidator(lambda text: text.strip().lower())


class StorageType(str, Enum):
    """PREFECT_STORAGE_TYPE."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"


class PostgresManagement(str, Enum):
    """PREFECT_HEADLESS_POSTGRES: whether the stack may start a cluster itself."""

    AUTO = "auto"
    MANAGED = "managed"
    EXTERNAL = "external"


class _Group(BaseModel):
    """Settings that belong together."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )


class Server(_Group):
    """The API server; `base_path` begins with a slash and has none at its end."""

    host: str = variable(
        "PREFECT_SERVER_HOST", native=("PREFECT_SERVER_API_HOST",), default="127.0.0.1"
    )
    """Server bind address; `0.0.0.0` = all interfaces (then an auth string is required)"""
    port: PortOrAny = variable(
        "PREFECT_SERVER_PORT", native=("PREFECT_SERVER_API_PORT",), default="4200"
    )
    """Server port; `0` = any free one (see `prefect-headless info`)"""
    base_path: Annotated[str, AfterValidator(_base_path)] = variable(
        "PREFECT_SERVER_API_BASE_PATH", native=("PREFECT_SERVER_API_BASE_PATH",), default="/api"
    )
    """Path of the API; with `PREFECT_SERVER_UI_SERVE_BASE` for a sub-path of a proxy"""
    auth_string: str | None = variable(
        "PREFECT_SERVER_API_AUTH_STRING",
        native=("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"),
        default_is="none on loopback; otherwise generated once and kept in "
        "`$PREFECT_HOME/headless/auth-string`",
        secret=True,
    )
    """`user:password` the API asks for"""
    allow_unauthenticated: Flag = variable("PREFECT_ALLOW_UNAUTHENTICATED", default="0")
    """`1` waives the auth string on a non-loopback address"""
    api_processes: Annotated[int, _between(1)] = variable("PREFECT_SERVER_WORKERS", default="1")
    """API server processes; more than one needs PostgreSQL and Redis"""
    skip_init: Flag = variable("PREFECT_SKIP_INIT", default="0")
    """`1` skips creating and migrating the database's tables"""
    ui_static_directory: Folder = variable(
        "PREFECT_SERVER_UI_STATIC_DIRECTORY",
        native=("PREFECT_SERVER_UI_STATIC_DIRECTORY", "PREFECT_UI_STATIC_DIRECTORY"),
        default_is="`$PREFECT_HOME/ui`",
    )
    """UI static files"""

    @property
    def migrate(self) -> bool:
        """Whether `up` creates or upgrades the tables."""
        return not self.skip_init

    @property
    def migrates_beforehand(self) -> bool:
        """Whether the tables are created before the server starts: several processes would race."""
        return self.migrate and self.api_processes > 1

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)

    @property
    def answers_on_loopback(self) -> bool:
        """Whether the server is reached as `localhost`, among others or only."""
        return self.is_loopback or self.host in ALL_INTERFACES

    @property
    def local_url(self) -> str:
        """The API as this machine reaches it, whatever address the users are told."""
        return self.url_at(ALL_INTERFACES.get(self.host, self.host))

    def url_at(self, host: str) -> str:
        """Return the API's address if the server is reached as *host*."""
        return f"http://{bracketed(host)}:{self.port}{self.base_path}"


class Postgres(_Group):
    """The PG* variables; `password` is None when neither it nor a pass file was given."""

    management: Annotated[PostgresManagement, Word] = variable(
        "PREFECT_HEADLESS_POSTGRES", default="auto"
    )
    """Whether the stack runs its own cluster: `managed` = always, `external` = never, `auto` = where nothing answers"""
    cluster_directory: Folder | None = variable(
        "PREFECT_HEADLESS_POSTGRES_DIR",
        default_is="`$PREFECT_HOME/postgres`; for root, whose files the `postgres` user "
        "cannot reach, `/var/lib/prefect-headless/…`",
    )
    """Directory of the managed cluster"""
    wait_seconds: Annotated[float, _between(0)] = variable("PREFECT_POSTGRES_WAIT", default="30")
    """Seconds to wait for PostgreSQL to answer"""
    user: str = variable("PGUSER", native=_of_database("USER"), default="pguser")
    """PostgreSQL user"""
    password: str | None = variable(
        "PGPASSWORD",
        native=_of_database("PASSWORD"),
        default="pgpass",
        default_is="`pgpass`; generated for a managed cluster",
        secret=True,
    )
    """PostgreSQL password"""
    host: str = variable(
        "PGHOSTADDR", native=(*_of_database("HOST"), "PGHOSTADDR", "PGHOST"), default="127.0.0.1"
    )
    """PostgreSQL host; a name may also be given as `PGHOST`"""
    port: Port = variable("PGPORT", native=_of_database("PORT"), default="15432")
    """PostgreSQL port"""
    database: str = variable("PGDATABASE", native=_of_database("NAME"), default="prefect")
    """PostgreSQL database, created if missing"""
    pass_file: Folder | None = variable("PGPASSFILE")
    """File with the PostgreSQL password (libpq's format), instead of `PGPASSWORD`"""


class Storage(_Group):
    """The database as asked for: a `url` wins over everything else."""

    type: Annotated[StorageType, Word] = variable(
        "PREFECT_STORAGE_TYPE",
        default="sqlite",
        default_is="`sqlite`; `postgres` if `PREFECT_SERVER_DATABASE_DRIVER` says so",
    )
    """`sqlite` or `postgres`"""
    url: str | None = variable(
        "PREFECT_DATABASE_URL",
        native=_of_database("CONNECTION_URL"),
        default_is="built from the `PG*` variables",
        secret=True,
    )
    """PostgreSQL connection URL; never falls back to SQLite"""
    strict: Flag = variable("PREFECT_STORAGE_STRICT", default="0")
    """`1` forbids falling back from PostgreSQL to SQLite"""
    postgres: Postgres


class Workers(_Group):
    """`count` equal workers of one pool."""

    pool: str = variable("PREFECT_WORKER_POOL_NAME", default="default-pool")
    """Worker pool name"""
    type: str = variable("PREFECT_WORKER_POOL_TYPE", default="process")
    """Worker type, e.g. `process` or `northflank`; the pool is created if missing"""
    variables: Annotated[Json[dict[str, object]], BeforeValidator(lambda text: text or "{}")] = (
        variable(
            "PREFECT_WORKER_POOL_VARIABLES",
            default_is='none; `{"project_id": "demo"}` for a `northflank` pool with the emulator',
        )
    )
    """JSON object: defaults of the pool's job variables, set at each start"""
    limit: Annotated[int, _between(1)] = variable("PREFECT_WORKER_LIMIT", default="10")
    """Concurrent flow runs of each worker"""
    query_seconds: Annotated[float, _between(0.1)] = variable(
        "PREFECT_WORKER_QUERY_SECONDS", native=("PREFECT_WORKER_QUERY_SECONDS",), default="5"
    )
    """Polling interval of the workers (seconds)"""
    count: Annotated[int, _between(0)] = variable("PREFECT_WORKER_COUNT", default="1")
    """Number of workers"""
    environment: Annotated[tuple[str, ...], BeforeValidator(_names)] = variable(
        "PREFECT_HEADLESS_WORKER_ENV"
    )
    """Further variables the workers and their flow runs may see, e.g. `MY_TOKEN,APP_*`"""


class Settings(_Group):
    """Everything the user set, with defaults for the rest.

    `findings` are warnings, `server_findings` those that do not matter
    where only workers are started.
    """

    home: Folder = variable(
        "PREFECT_HOME",
        native=("PREFECT_HOME",),
        default_is="`$PREFECT_HEADLESS_CACHE/prefect-data`, `$FLOX_ENV_CACHE/prefect-data` or "
        "`${XDG_STATE_HOME:-~/.local/state}/prefect-headless`",
    )
    """Instance directory: database, logs, generated secrets"""
    cache: str | None = variable("PREFECT_HEADLESS_CACHE")
    """Directory that holds `PREFECT_HOME` by default (tried before `$FLOX_ENV_CACHE`)"""
    server: Server
    api_host: str | None = variable(
        "PREFECT_API_HOST",
        default_is="`127.0.0.1`, or the bind address if it is a single non-loopback one",
    )
    """Address at which the CLI and workers reach the server"""
    given_api_url: str | None = variable(
        "PREFECT_API_URL",
        native=("PREFECT_API_URL",),
        default_is="`http://$PREFECT_API_HOST:$PREFECT_SERVER_PORT/api`",
    )
    """Full API address for the CLI and workers"""
    given_ui_api_url: str | None = variable(
        "PREFECT_UI_API_URL",
        native=("PREFECT_SERVER_UI_API_URL", "PREFECT_UI_API_URL"),
        default_is="`$PREFECT_API_URL`",
    )
    """API address for the browser; set it for remote access"""
    storage: Storage
    workers: Workers
    logging_level: Annotated[str, AfterValidator(str.upper)] = variable(
        "PREFECT_LOGGING_LEVEL", native=("PREFECT_LOGGING_LEVEL",), default="INFO"
    )
    """Logging level"""
    logging_to_api: Flag = variable(
        "PREFECT_LOGGING_TO_API_ENABLED", native=("PREFECT_LOGGING_TO_API_ENABLED",), default="true"
    )
    """Send logs to the API"""
    quiet: Flag = variable("PREFECT_QUIET", default="0")
    """`1` suppresses the welcome message"""
    ephemeral: Flag = variable("PREFECT_EPHEMERAL", default="0")
    """`1`: no server; each program starts its own, temporary one"""
    flows_directory: Folder = variable("PREFECT_FLOWS_DIR", default_is="`$PREFECT_HOME/flows`")
    """Example flow definitions"""
    storage_directory: Folder = variable(
        "PREFECT_STORAGE_DIR",
        native=("PREFECT_RESULTS_LOCAL_STORAGE_PATH", "PREFECT_LOCAL_STORAGE_PATH"),
        default_is="`$PREFECT_HOME/storage`",
    )
    """Artifact and result storage"""
    crash_zombies: Flag = variable("PREFECT_HEADLESS_ZOMBIES", default="1")
    """`0`: do not create the automation that marks runs without a heartbeat as Crashed"""
    emulator: Flag = variable("PREFECT_HEADLESS_EMULATOR", default="0")
    """`1` starts the Northflank emulator as a service"""
    emulator_port: PortOrAny = variable("PREFECT_HEADLESS_EMULATOR_PORT", default="0")
    """Port of the emulator; `0` = any free one"""
    sources: InstanceOf[Sources]
    findings: tuple[str, ...] = ()
    server_findings: tuple[str, ...] = ()

    @property
    def api_url_given(self) -> bool:
        """Whether the user named the API's address."""
        return self.given_api_url is not None

    @property
    def api_url(self) -> str:
        """The API's address for the CLI and the workers."""
        if self.given_api_url:
            return self.given_api_url.rstrip("/")
        return self.server.url_at(self.api_host) if self.api_host else self.server.local_url

    @property
    def ui_api_url(self) -> str:
        """The API's address for the browser."""
        return self.given_ui_api_url or self.api_url

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

    def on_port(self, port: int) -> Settings:
        """Return these settings with the server on *port*."""
        return self.model_copy(update={"server": self.server.model_copy(update={"port": port})})

    def as_running(self, *, port: int, api_url: str, ui_api_url: str) -> Settings:
        """Return these settings with the addresses of a stack that runs already."""
        addresses = {"given_api_url": api_url, "given_ui_api_url": ui_api_url}
        return self.on_port(port).model_copy(update=addresses)


def is_loopback(host: str) -> bool:
    """Return whether *host* can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bracketed(host: str) -> str:
    """Return *host* as it stands in a URL: IPv6 addresses need brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _origin(url: str) -> str:
    """Return scheme, host and port of *url*, as a browser's `Origin` header has them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _fields(model: type[BaseModel], inside: FieldPath = ()) -> Iterator[tuple[FieldPath, Variable]]:
    for name, field in model.model_fields.items():
        path = (*inside, name)
        facts: Any = field.json_schema_extra
        if facts:
            yield path, Variable(meaning=field.description or "", **facts)
        elif isinstance(field.annotation, type) and issubclass(field.annotation, _Group):
            yield from _fields(field.annotation, path)


FIELDS = dict(_fields(Settings))
"""The variable behind each field."""
VARIABLES = tuple(FIELDS.values())
BY_NAME = {variable.name: variable for variable in VARIABLES}
NAMES = frozenset(name for variable in VARIABLES for name in variable.names)
"""Every name under which a value may be given."""
OWN_NAMES = frozenset(
    variable.name
    for variable in VARIABLES
    if variable.name.startswith("PREFECT_") and variable.name not in variable.native
)
"""Names that Prefect does not know: they must not reach it, and are not typing errors."""
