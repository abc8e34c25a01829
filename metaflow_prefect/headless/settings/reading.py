"""From environment and `.env` to settings, all complaints in one pass; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from metaflow_prefect.headless.errors import SettingsRefused
from metaflow_prefect.headless.settings import warnings
from metaflow_prefect.headless.settings.model import (
    Postgres,
    PostgresManagement,
    Server,
    Settings,
    Storage,
    StorageType,
    Workers,
    bracketed,
)
from metaflow_prefect.headless.settings.parsing import Reader
from metaflow_prefect.headless.settings.precedence import Origin, Sources

#: The project the emulator has from the start.
EMULATED_PROJECT = "demo"


def read_settings(
    sources: Sources,
    *,
    known_to_prefect: frozenset[str] | None = None,
    refused_by_prefect: Mapping[str, str] | None = None,
    workers_only: bool = False,
) -> Settings:
    """The settings that *sources* ask for.

    *known_to_prefect*, if given, are Prefect's own variable names: any other `PREFECT_*` name is
    reported, since Prefect itself ignores it silently. *refused_by_prefect* has a sentence for each
    variable that Prefect cannot read.

    Raises:
        SettingsRefused: a value cannot be read; every such value is named.
    """
    reader = Reader(sources=sources)
    settings = _settings(reader)
    problems = (
        *reader.problems.values(),
        *(
            sentence
            for name, sentence in (refused_by_prefect or {}).items()
            if name not in reader.problems
        ),
        *warnings.impossible(settings, workers_only=workers_only),
    )
    if problems:
        raise SettingsRefused(problems)
    return replace(
        settings,
        findings=warnings.general(settings, known_to_prefect),
        server_findings=warnings.about_addresses(settings),
    )


def _settings(reader: Reader) -> Settings:
    server = _server(reader)
    api_url = _api_url(reader, server)
    home = _home(reader)
    return Settings(
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
        sources=reader.sources,
    )


def _home(reader: Reader) -> Path:
    """Prefect's own default, ~/.prefect, is not used: it holds the user's profiles."""
    if reader.optional("PREFECT_HOME"):
        return reader.path("PREFECT_HOME", Path())
    cache = reader.optional("PREFECT_HEADLESS_CACHE") or reader.sources.get("FLOX_ENV_CACHE")
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
