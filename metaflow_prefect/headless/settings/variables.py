"""Every variable the stack reads: its name, Prefect's names for the same thing, its default."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One setting: `native` are Prefect's own names for it, the one that wins first.

    They contain `name` itself where Prefect has a setting of that name.
    """

    name: str
    meaning: str
    native: tuple[str, ...] = ()
    default: str | None = None
    default_is: str = ""
    secret: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All names in the order in which they win within one source."""
        return (*self.native, *(() if self.name in self.native else (self.name,)))


def _of_database(part: str) -> tuple[str, str]:
    """Prefect's present and former name for one *part* of the database's address."""
    return f"PREFECT_SERVER_DATABASE_{part}", f"PREFECT_API_DATABASE_{part}"


VARIABLES: tuple[Variable, ...] = (
    Variable(
        name="PREFECT_HOME",
        native=("PREFECT_HOME",),
        meaning="Instance directory: database, logs, generated secrets",
        default_is="`$PREFECT_HEADLESS_CACHE/prefect-data`, `$FLOX_ENV_CACHE/prefect-data` or "
        "`${XDG_STATE_HOME:-~/.local/state}/prefect-headless`",
    ),
    Variable(
        name="PREFECT_SERVER_HOST",
        native=("PREFECT_SERVER_API_HOST",),
        default="127.0.0.1",
        meaning="Server bind address; `0.0.0.0` = all interfaces (then an auth string is required)",
    ),
    Variable(
        name="PREFECT_SERVER_PORT",
        native=("PREFECT_SERVER_API_PORT",),
        default="4200",
        meaning="Server port; `0` = any free one (see `prefect-headless info`)",
    ),
    Variable(
        name="PREFECT_API_HOST",
        meaning="Address at which the CLI and workers reach the server",
        default_is="`127.0.0.1`, or the bind address if it is a single non-loopback one",
    ),
    Variable(
        name="PREFECT_API_URL",
        native=("PREFECT_API_URL",),
        meaning="Full API address for the CLI and workers",
        default_is="`http://$PREFECT_API_HOST:$PREFECT_SERVER_PORT/api`",
    ),
    Variable(
        name="PREFECT_UI_API_URL",
        native=("PREFECT_SERVER_UI_API_URL", "PREFECT_UI_API_URL"),
        meaning="API address for the browser; set it for remote access",
        default_is="`$PREFECT_API_URL`",
    ),
    Variable(
        name="PREFECT_SERVER_API_BASE_PATH",
        native=("PREFECT_SERVER_API_BASE_PATH",),
        default="/api",
        meaning="Path of the API; with `PREFECT_SERVER_UI_SERVE_BASE` for a sub-path of a proxy",
    ),
    Variable(
        name="PREFECT_SERVER_API_AUTH_STRING",
        native=("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"),
        meaning="`user:password` the API asks for",
        default_is="none on loopback; otherwise generated once and kept in "
        "`$PREFECT_HOME/headless/auth-string`",
        secret=True,
    ),
    Variable(
        name="PREFECT_ALLOW_UNAUTHENTICATED",
        default="0",
        meaning="`1` waives the auth string on a non-loopback address",
    ),
    Variable(
        name="PREFECT_SERVER_WORKERS",
        default="1",
        meaning="API server processes; more than one needs PostgreSQL and Redis",
    ),
    Variable(
        name="PREFECT_STORAGE_TYPE",
        default="sqlite",
        default_is="`sqlite`; `postgres` if `PREFECT_SERVER_DATABASE_DRIVER` says so",
        meaning="`sqlite` or `postgres`",
    ),
    Variable(
        name="PREFECT_DATABASE_URL",
        native=_of_database("CONNECTION_URL"),
        meaning="PostgreSQL connection URL; never falls back to SQLite",
        default_is="built from the `PG*` variables",
        secret=True,
    ),
    Variable(
        name="PREFECT_STORAGE_STRICT",
        default="0",
        meaning="`1` forbids falling back from PostgreSQL to SQLite",
    ),
    Variable(
        name="PREFECT_POSTGRES_WAIT",
        default="30",
        meaning="Seconds to wait for PostgreSQL to answer",
    ),
    Variable(
        name="PREFECT_HEADLESS_POSTGRES",
        default="auto",
        meaning="`managed` = our own cluster, `external` = never, `auto` = where nothing answers",
    ),
    Variable(
        name="PREFECT_HEADLESS_POSTGRES_DIR",
        meaning="Directory of the managed cluster",
        default_is="`$PREFECT_HOME/postgres`; as root, whose files the `postgres` user "
        "cannot reach, `/var/lib/prefect-headless/…`",
    ),
    Variable(
        name="PGUSER",
        native=_of_database("USER"),
        default="pguser",
        meaning="PostgreSQL user",
    ),
    Variable(
        name="PGPASSWORD",
        native=_of_database("PASSWORD"),
        default="pgpass",
        default_is="`pgpass`; generated for a managed cluster",
        meaning="PostgreSQL password",
        secret=True,
    ),
    Variable(
        name="PGHOSTADDR",
        native=(*_of_database("HOST"), "PGHOSTADDR", "PGHOST"),
        default="127.0.0.1",
        meaning="PostgreSQL host; a name may also be given as `PGHOST`",
    ),
    Variable(
        name="PGPORT",
        native=_of_database("PORT"),
        default="15432",
        meaning="PostgreSQL port",
    ),
    Variable(
        name="PGDATABASE",
        native=_of_database("NAME"),
        default="prefect",
        meaning="PostgreSQL database, created if missing",
    ),
    Variable(
        name="PGPASSFILE",
        meaning="File with the PostgreSQL password (libpq's format), instead of `PGPASSWORD`",
    ),
    Variable(name="PREFECT_WORKER_POOL_NAME", default="default-pool", meaning="Worker pool name"),
    Variable(
        name="PREFECT_WORKER_POOL_TYPE",
        default="process",
        meaning="Worker type, e.g. `process` or `northflank`; the pool is created if missing",
    ),
    Variable(
        name="PREFECT_WORKER_POOL_VARIABLES",
        default="",
        default_is='none; `{"project_id": "demo"}` for a `northflank` pool with the emulator',
        meaning="JSON object: defaults of the pool's job variables, set at each start",
    ),
    Variable(
        name="PREFECT_WORKER_LIMIT", default="10", meaning="Concurrent flow runs of each worker"
    ),
    Variable(
        name="PREFECT_WORKER_QUERY_SECONDS",
        native=("PREFECT_WORKER_QUERY_SECONDS",),
        default="5",
        meaning="Polling interval of the workers (seconds)",
    ),
    Variable(name="PREFECT_WORKER_COUNT", default="1", meaning="Number of workers"),
    Variable(
        name="PREFECT_HEADLESS_WORKER_ENV",
        default="",
        meaning="Further variables the workers and their flow runs may see, e.g. `MY_TOKEN,APP_*`",
    ),
    Variable(
        name="PREFECT_LOGGING_LEVEL",
        native=("PREFECT_LOGGING_LEVEL",),
        default="INFO",
        meaning="Logging level",
    ),
    Variable(
        name="PREFECT_LOGGING_TO_API_ENABLED",
        native=("PREFECT_LOGGING_TO_API_ENABLED",),
        default="true",
        meaning="Send logs to the API",
    ),
    Variable(
        name="PREFECT_SKIP_INIT",
        default="0",
        meaning="`1` skips creating and migrating the database's tables",
    ),
    Variable(name="PREFECT_QUIET", default="0", meaning="`1` suppresses the welcome message"),
    Variable(
        name="PREFECT_EPHEMERAL",
        default="0",
        meaning="`1`: no server; each program starts its own, temporary one",
    ),
    Variable(
        name="PREFECT_FLOWS_DIR",
        meaning="Example flow definitions",
        default_is="`$PREFECT_HOME/flows`",
    ),
    Variable(
        name="PREFECT_STORAGE_DIR",
        native=("PREFECT_RESULTS_LOCAL_STORAGE_PATH", "PREFECT_LOCAL_STORAGE_PATH"),
        meaning="Artifact and result storage",
        default_is="`$PREFECT_HOME/storage`",
    ),
    Variable(
        name="PREFECT_SERVER_UI_STATIC_DIRECTORY",
        native=("PREFECT_SERVER_UI_STATIC_DIRECTORY", "PREFECT_UI_STATIC_DIRECTORY"),
        meaning="UI static files",
        default_is="`$PREFECT_HOME/ui`",
    ),
    Variable(
        name="PREFECT_HEADLESS_ZOMBIES",
        default="1",
        meaning="`0`: do not create the automation that crashes runs without a heartbeat",
    ),
    Variable(
        name="PREFECT_HEADLESS_EMULATOR",
        default="0",
        meaning="`1` starts the Northflank emulator as a service",
    ),
    Variable(
        name="PREFECT_HEADLESS_EMULATOR_PORT",
        default="0",
        meaning="Port of the emulator; `0` = any free one",
    ),
    Variable(
        name="PREFECT_HEADLESS_CACHE",
        meaning="Where `PREFECT_HOME` goes by default (as `$FLOX_ENV_CACHE`)",
    ),
)

BY_NAME = {variable.name: variable for variable in VARIABLES}

#: Every name under which a value may be given.
NAMES = frozenset(name for variable in VARIABLES for name in variable.names)
#: Those that Prefect does not know: they must not reach it, and are no typing errors.
OWN_NAMES = frozenset(
    variable.name
    for variable in VARIABLES
    if variable.name.startswith("PREFECT_") and variable.name not in variable.native
)
