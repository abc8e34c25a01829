"""What the user wants, as one value made of the environment and `.env`, without side effects."""

from __future__ import annotations

import difflib
import ipaddress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from metaflow_prefect.headless.errors import SettingsRefused
from metaflow_prefect.headless.parsing import Reader
from metaflow_prefect.headless.sources import Origin, Sources
from metaflow_prefect.headless.variables import OWN_NAMES, VARIABLES

#: PREFECT__… are set by Prefect itself inside flow runs; the others belong to prefect-redis.
READ_ELSEWHERE = ("PREFECT__", "PREFECT_REDIS_")


#: The project the emulator has from the start.
EMULATED_PROJECT = "demo"


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
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)

    @property
    def local_url(self) -> str:
        """The API as this machine reaches it, whatever address the users are told."""
        reach = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 -- compared, not bound
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
    """Everything the user asked for; `findings` are sentences they should read."""

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
    findings: tuple[str, ...]
    sources: Sources

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


def read_settings(sources: Sources, *, known_to_prefect: frozenset[str] | None = None) -> Settings:
    """The settings that *sources* ask for.

    *known_to_prefect*, if given, are Prefect's own variable names: any other `PREFECT_*` name is
    reported, since Prefect itself ignores it silently.

    Raises:
        SettingsRefused: a value cannot be read; every such value is named.
    """
    reader = Reader(sources=sources)
    server = _server(reader)
    api_url = _api_url(reader, server)
    home = _home(reader)
    settings = Settings(
        home=home,
        flows_directory=reader.path("PREFECT_FLOWS_DIR", home / "flows"),
        storage_directory=reader.path("PREFECT_STORAGE_DIR", home / "storage"),
        server=server,
        api_url=api_url,
        ui_api_url=reader.optional("PREFECT_UI_API_URL") or api_url,
        api_url_given=reader.value("PREFECT_API_URL").origin is not Origin.DEFAULT,
        storage=_storage(reader),
        workers=_workers(reader),
        logging_level=reader.text("PREFECT_LOGGING_LEVEL").upper(),
        logging_to_api=reader.flag("PREFECT_LOGGING_TO_API_ENABLED"),
        quiet=reader.flag("PREFECT_QUIET"),
        ephemeral=reader.flag("PREFECT_EPHEMERAL"),
        crash_zombies=reader.flag("PREFECT_HEADLESS_ZOMBIES"),
        emulator=reader.flag("PREFECT_HEADLESS_EMULATOR"),
        emulator_port=reader.port("PREFECT_HEADLESS_EMULATOR_PORT", least=0),
        findings=_findings(reader, server, api_url, known_to_prefect),
        sources=sources,
    )
    problems = (*reader.problems, *_impossible(settings))
    if problems:
        raise SettingsRefused(problems)
    return settings


def _home(reader: Reader) -> Path:
    """Prefect's own default, ~/.prefect, is not used: it holds the user's profiles."""
    if reader.optional("PREFECT_HOME"):
        return reader.path("PREFECT_HOME", Path())
    cache = reader.sources.get("PREFECT_HEADLESS_CACHE") or reader.sources.get("FLOX_ENV_CACHE")
    if cache:
        return Path(cache).expanduser().absolute() / "prefect-data"
    state = reader.sources.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser().absolute() / "prefect-headless"


def _server(reader: Reader) -> Server:
    path = reader.text("PREFECT_SERVER_API_BASE_PATH").strip("/")
    return Server(
        host=reader.text("PREFECT_SERVER_HOST"),
        port=reader.port("PREFECT_SERVER_PORT", least=0),
        base_path=f"/{path}" if path else "",
        auth_string=reader.optional("PREFECT_SERVER_API_AUTH_STRING"),
        allow_unauthenticated=reader.flag("PREFECT_ALLOW_UNAUTHENTICATED"),
        api_processes=reader.whole("PREFECT_SERVER_WORKERS", least=1),
        migrate=not reader.flag("PREFECT_SKIP_INIT"),
        ui_static_directory=reader.path("PREFECT_SERVER_UI_STATIC_DIRECTORY", _home(reader) / "ui"),
    )


def _api_url(reader: Reader, server: Server) -> str:
    given = reader.optional("PREFECT_API_URL")
    if given:
        return given.rstrip("/")
    host = reader.optional("PREFECT_API_HOST")
    if host:
        return f"http://{bracketed(host)}:{server.port}{server.base_path}"
    return server.local_url


def _storage(reader: Reader) -> Storage:
    host = reader.value("PGHOSTADDR")
    password = reader.value("PGPASSWORD")
    pass_file = reader.optional("PGPASSFILE")
    cluster = reader.optional("PREFECT_HEADLESS_POSTGRES_DIR")
    return Storage(
        type=_storage_type(reader),
        url=reader.optional("PREFECT_DATABASE_URL"),
        strict=reader.flag("PREFECT_STORAGE_STRICT"),
        postgres=Postgres(
            user=reader.text("PGUSER"),
            password=None if password.origin is Origin.DEFAULT else password.text,
            host=reader.text("PGHOSTADDR"),
            port=reader.port("PGPORT"),
            database=reader.text("PGDATABASE"),
            pass_file=Path(pass_file).expanduser() if pass_file else None,
            host_given=host.origin is not Origin.DEFAULT,
            management=reader.choice("PREFECT_HEADLESS_POSTGRES", PostgresManagement),
            wait_seconds=reader.number("PREFECT_POSTGRES_WAIT", least=0),
            cluster_directory=Path(cluster).expanduser().absolute() if cluster else None,
        ),
    )


def _storage_type(reader: Reader) -> StorageType:
    driver = reader.sources.get("PREFECT_SERVER_DATABASE_DRIVER") or ""
    said = reader.value("PREFECT_STORAGE_TYPE").origin is not Origin.DEFAULT
    if driver.startswith("postgresql") and not said:
        return StorageType.POSTGRES
    return reader.choice("PREFECT_STORAGE_TYPE", StorageType)


def _workers(reader: Reader) -> Workers:
    names = reader.text("PREFECT_HEADLESS_WORKER_ENV").replace(",", " ").split()
    return Workers(
        pool=reader.text("PREFECT_WORKER_POOL_NAME"),
        type=reader.text("PREFECT_WORKER_POOL_TYPE"),
        limit=reader.whole("PREFECT_WORKER_LIMIT", least=1),
        query_seconds=reader.number("PREFECT_WORKER_QUERY_SECONDS", least=0.1),
        count=reader.whole("PREFECT_WORKER_COUNT", least=0),
        environment=tuple(names),
        variables=_job_variables(reader),
    )


def _job_variables(reader: Reader) -> dict[str, object]:
    given = reader.mapping("PREFECT_WORKER_POOL_VARIABLES")
    emulated = reader.flag("PREFECT_HEADLESS_EMULATOR")
    if not given and emulated and reader.text("PREFECT_WORKER_POOL_TYPE") == "northflank":
        return {"project_id": EMULATED_PROJECT}
    return given


def _findings(
    reader: Reader, server: Server, api_url: str, known: frozenset[str] | None
) -> tuple[str, ...]:
    found = list(reader.sources.contradictions())
    found += _unknown_names(reader.sources, known)
    found += _address_findings(reader, server, api_url)
    if reader.sources.get("PREFECT_API_KEY"):
        found.append(
            "PREFECT_API_KEY is set and would make this server answer 401: it is withheld from "
            "the services and from `run`; unset it in your own shell (it belongs to Prefect Cloud)"
        )
    if reader.sources.get("PREFECT_PROFILE"):
        found.append(
            "PREFECT_PROFILE is set: the stack keeps its settings in PREFECT_HOME and withholds "
            "the profile from its services"
        )
    url = reader.optional("PREFECT_DATABASE_URL") or ""
    kind = reader.value("PREFECT_STORAGE_TYPE")
    if kind.origin is not Origin.DEFAULT and url and _url_type(url) != kind.text:
        found.append(
            f"PREFECT_STORAGE_TYPE={kind.text} is ignored: the database URL names "
            f"{_url_type(url)} and wins"
        )
    return tuple(found)


def _address_findings(reader: Reader, server: Server, api_url: str) -> list[str]:
    found = []
    if not server.is_loopback and reader.value("PREFECT_UI_API_URL").origin is Origin.DEFAULT:
        found.append(
            f"the UI will look for the API at {api_url}: set PREFECT_UI_API_URL to the address "
            "browsers on other machines use, e.g. http://my-server:4200/api"
        )
    given = urlsplit(api_url)
    if (
        reader.optional("PREFECT_API_URL")
        and is_loopback(given.hostname or "")
        and server.port not in {0, given.port}
    ):
        found.append(
            f"PREFECT_API_URL={api_url} is not the address of the server that is started here "
            f"({server.local_url}): commands and workers will use the former"
        )
    return found


def _unknown_names(sources: Sources, known: frozenset[str] | None) -> list[str]:
    if known is None:
        return []
    ours = {name for variable in VARIABLES for name in variable.names} | OWN_NAMES
    found = []
    for name in sorted(sources.merged()):
        if not name.startswith("PREFECT_") or name in ours | known:
            continue
        if name.startswith(READ_ELSEWHERE):
            continue
        near = difflib.get_close_matches(name, ours | known, n=1, cutoff=0.8)
        hint = f"; did you mean {near[0]}?" if near else ""
        found.append(f"{name} is known neither to Prefect nor to prefect-headless{hint}")
    return found


def _url_type(url: str) -> str:
    return "sqlite" if url.startswith("sqlite") else "postgres"


def _impossible(settings: Settings) -> list[str]:
    """Combinations that cannot work, whatever the machine."""
    problems = []
    auth = settings.server.auth_string
    if auth is not None and ":" not in auth:
        problems.append("the auth string must have the form user:password")
    url = settings.storage.url
    if url and not url.startswith(("postgres://", "postgresql://", "postgresql+", "sqlite")):
        problems.append("the database URL must begin with postgresql+asyncpg:// or sqlite")
    if settings.server.api_processes > 1:
        problems += _multi_process_problems(settings)
    return problems


def _multi_process_problems(settings: Settings) -> list[str]:
    """Prefect's own conditions (`prefect server start --workers`), said before it is started."""
    problems = []
    sqlite = settings.storage.type is StorageType.SQLITE and not settings.storage.url
    if sqlite or (settings.storage.url or "").startswith("sqlite"):
        problems.append("PREFECT_SERVER_WORKERS above 1 needs PostgreSQL (PREFECT_STORAGE_TYPE)")
    redis = {
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
    }
    problems += [
        f"PREFECT_SERVER_WORKERS above 1 needs Redis: set {name}={module} (package prefect-redis)"
        for name, module in redis.items()
        if not settings.sources.is_set(name)
    ]
    return problems
