"""The environment of each process of the stack; jobs never see the server's settings."""

from __future__ import annotations

import fnmatch
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from metaflow_prefect.headless.settings.database_address import Database
from metaflow_prefect.headless.settings.model import NAMES, OWN_NAMES, Settings
from metaflow_prefect.server_settings import SERVER_SETTINGS, cors_setting

EMULATOR_TOKEN = "NORTHFLANK_API_TOKEN"  # noqa: S105  the name of the variable
MARKER = "PREFECT_HEADLESS_STACK"
"""Marks every process of a stack, and those its jobs start, with the stack's PREFECT_HOME."""

POSTGRES_POOL = {
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "15",
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_MAX_OVERFLOW": "25",
}
"""The defaults, 5 connections and 10 more, time out when many flow runs start at once
(PrefectHQ/prefect#22314, #21225)."""
REDIS = {
    "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
    "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
    "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
}
"""What several API processes need to talk to each other; the modules are prefect-redis's
(prefect.cli._server_utils, `_validate_multi_worker`)."""
UNBUFFERED = {"PYTHONUNBUFFERED": "1"}
"""A service's output must be in its log at once."""
PRIVACY = {"DO_NOT_TRACK": "1"}
HEARTBEAT = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
"""How often a flow run sends a heartbeat; the automation expects one within `ZOMBIE_SECONDS`."""
ZOMBIE_SECONDS = 90
CLIENT_RETRIES = {"PREFECT_CLIENT_MAX_RETRIES": "7", "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500"}
"""A flow run fails when a request fails 5 times, within a minute. SQLite is busy for longer than that
where many runs write, and a server without its database answers 500, which is not retried by default.
The delays double: 7 retries take about four minutes."""

SERVER_ONLY = (
    "PREFECT_SERVER_*",
    "PREFECT_API_DATABASE_*",
    "PREFECT_API_SERVICES_*",
    "PREFECT_SQLALCHEMY_*",
    "PREFECT_MESSAGING_*",
    "PREFECT_REDIS_*",
    "PREFECT_UI_*",
    "PREFECT_EVENTS_*",
)
"""Settings of the server, under their present and former names, which no job may see."""
WITHHELD = frozenset({"PREFECT_API_KEY", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH"})
"""Variables that would make a service read other settings, or use another server, than the stack's."""

JOB_NAMES = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TZ", "TMPDIR", "TERM"),
    *("PYTHON*", "VIRTUAL_ENV", "CONDA_*", "LD_LIBRARY_PATH", "DYLD_*", "UV_*", "PIP_*"),
    *("SSL_CERT_*", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("METAFLOW_*", "NORTHFLANK_*", "AWS_*", "GOOGLE_*", "AZURE_*", "KUBERNETES_*", "KUBECONFIG"),
)
"""What a program needs to run at all, and what flow code commonly needs to reach its data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What clients need besides the settings: secrets, and addresses chosen at the start."""

    auth_string: str | None
    emulator_url: str | None = None
    emulator_token: str | None = None
    pass_file: str | None = None


def for_server(settings: Settings, access: Access, database: Database) -> dict[str, str]:
    """Return the server's environment: all the user set, names translated to Prefect's, the database."""
    given = settings.sources.merged()
    environment = {
        **SERVER_SETTINGS,
        **PRIVACY,
        **UNBUFFERED,
        **(POSTGRES_POOL if database.is_postgres else {}),
        **(REDIS if settings.server.api_processes > 1 else {}),
        **cors_setting(*settings.browser_origins),
        **_without_translated(given),
        "PATH": _search_path(settings),
        "PREFECT_HOME": str(settings.home),
        "PREFECT_API_URL": settings.api_url,
        "PREFECT_SERVER_API_HOST": settings.server.host,
        "PREFECT_SERVER_API_PORT": str(settings.server.port),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database.server_url,
        "PREFECT_SERVER_UI_API_URL": settings.ui_api_url,
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(settings.server.ui_static_directory),
        **_logging(settings),
        "PREFECT_CLI_PROMPT": "false",
        MARKER: str(settings.home),
    }
    if settings.server.base_path != "/api":
        environment["PREFECT_SERVER_API_BASE_PATH"] = settings.server.base_path
    if access.auth_string:
        environment["PREFECT_SERVER_API_AUTH_STRING"] = access.auth_string
        environment["PREFECT_API_AUTH_STRING"] = access.auth_string
    if not settings.server.migrate or settings.server.migrates_beforehand:
        environment["PREFECT_SERVER_DATABASE_MIGRATE_ON_START"] = "false"
    if settings.server.api_processes > 1:
        environment["PREFECT_API_BLOCKS_REGISTER_ON_START"] = "false"
    return environment


def for_worker(settings: Settings, access: Access, *, health_port: int) -> dict[str, str]:
    """Return a worker's environment: only what is on a list.

    A Prefect worker copies its own settings into every job
    (`BaseJobConfiguration._base_environment`), hence nothing of the server may be in here.
    """
    allowed = (*JOB_NAMES, *settings.workers.environment)
    # Of Prefect's settings only the client's, whatever patterns the user gives.
    given = {
        name: text
        for name, text in settings.sources.merged().items()
        if (_is_client_setting(name) if name.startswith("PREFECT_") else _matches(name, allowed))
    }
    environment = {
        **HEARTBEAT,
        **CLIENT_RETRIES,
        **UNBUFFERED,
        **given,
        **client_settings(settings, access),
        "PATH": _search_path(settings),
        "PREFECT_WORKER_QUERY_SECONDS": f"{settings.workers.query_seconds:g}",
        "PREFECT_WORKER_WEBSERVER_HOST": given.get("PREFECT_WORKER_WEBSERVER_HOST", "127.0.0.1"),
        "PREFECT_WORKER_WEBSERVER_PORT": str(health_port),
        "PREFECT_CLI_PROMPT": "false",
        "DO_NOT_TRACK": "1",
        MARKER: str(settings.home),
    }
    return {**environment, **_emulator_settings(access)}


def for_emulator(settings: Settings, access: Access) -> dict[str, str]:
    """Return the emulator's environment: it runs jobs, so it sees no more than a worker."""
    environment = {
        name: text for name, text in settings.sources.merged().items() if _matches(name, JOB_NAMES)
    }
    environment |= {**UNBUFFERED, "PATH": _search_path(settings)}
    environment[EMULATOR_TOKEN] = access.emulator_token or ""
    environment[MARKER] = str(settings.home)
    return environment


def for_postgres(settings: Settings) -> dict[str, str]:
    """Return the managed cluster's environment: where its programs are, and the locale."""
    kept = {
        name: text
        for name, text in settings.sources.merged().items()
        if name in {"PATH", "TZ", "TMPDIR", "LANG", "LD_LIBRARY_PATH"}
    }
    return {**kept, "LC_ALL": "C", MARKER: str(settings.home)}


def client_settings(settings: Settings, access: Access) -> dict[str, str]:
    """Return what any client of the stack needs: `env` prints it, `run` and the workers get it."""
    environment = {
        "PREFECT_HOME": str(settings.home),
        "PREFECT_API_URL": settings.api_url,
        "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(settings.storage_directory),
        **_logging(settings),
    }
    if access.auth_string:
        environment["PREFECT_API_AUTH_STRING"] = access.auth_string
    return environment


def for_shell(settings: Settings, access: Access) -> dict[str, str]:
    """Return what `env --export` sets: the client's settings and the names the documentation uses."""
    postgres = settings.storage.postgres
    environment = {
        "PATH": _search_path(settings),
        **(
            ephemeral_settings(settings)
            if settings.ephemeral
            else client_settings(settings, access)
        ),
        # Otherwise a later `up` in the same shell would use another port than PREFECT_API_URL's.
        "PREFECT_SERVER_PORT": str(settings.server.port),
        "PREFECT_UI_API_URL": settings.ui_api_url,
        "PREFECT_FLOWS_DIR": str(settings.flows_directory),
        "PREFECT_STORAGE_DIR": str(settings.storage_directory),
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(settings.server.ui_static_directory),
        "PREFECT_WORKER_POOL_NAME": settings.workers.pool,
        **{
            name: settings.sources.merged().get(name, default)
            for name, default in (HEARTBEAT | CLIENT_RETRIES).items()
        },
    }
    if settings.storage.type.value == "postgres" and not settings.storage.url:
        environment |= {
            "PGUSER": postgres.user,
            "PGHOSTADDR": postgres.host,
            "PGPORT": str(postgres.port),
            "PGDATABASE": postgres.database,
        }
    if access.pass_file:
        environment["PGPASSFILE"] = access.pass_file
    return {**environment, **_emulator_settings(access)}


def ephemeral_settings(settings: Settings) -> dict[str, str]:
    """Return what makes each program start its own server on the stack's SQLite file (PREFECT_EPHEMERAL=1).

    With Prefect's own recorder settings most task runs are lost when such a program ends; its
    20 seconds to start are too few for a busy machine (PrefectHQ/prefect#20248).
    """
    return {
        "PREFECT_HOME": str(settings.home),
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",
        "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(settings.storage_directory),
        # Such a server serves no UI.
        **cors_setting("http://localhost"),
        **SERVER_SETTINGS,
        **PRIVACY,
        **_logging(settings),
    }


def for_command(settings: Settings, access: Access, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of `run CMD`: the user's own, plus the client's settings."""
    kept = {name: text for name, text in environ.items() if name not in WITHHELD}
    if settings.ephemeral:
        kept.pop("PREFECT_API_URL", None)
    return {**kept, **for_shell(settings, access)}


def withheld(settings: Settings, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names `env --export` must unset so that the user's shell reaches this server."""
    names = set(WITHHELD)
    if settings.ephemeral:
        names.add("PREFECT_API_URL")
    return tuple(sorted(name for name in names if name in environ))


def _emulator_settings(access: Access) -> dict[str, str]:
    """Return the emulator's address and token, which replace those of the real Northflank."""
    if access.emulator_url is None or access.emulator_token is None:
        return {}
    return {
        "NORTHFLANK_API_BASE_URL": access.emulator_url,
        EMULATOR_TOKEN: access.emulator_token,
    }


def _search_path(settings: Settings) -> str:
    """Return PATH with the programs of this Python first: `python` and `prefect` must be the stack's."""
    given = (settings.sources.get("PATH") or os.defpath).split(os.pathsep)
    ours = str(Path(sys.executable).parent)
    return os.pathsep.join([ours, *(folder for folder in given if folder != ours)])


def _logging(settings: Settings) -> dict[str, str]:
    return {
        "PREFECT_LOGGING_LEVEL": settings.logging_level,
        "PREFECT_LOGGING_TO_API_ENABLED": str(settings.logging_to_api).lower(),
    }


def _without_translated(given: Mapping[str, str]) -> dict[str, str]:
    """Return what the server gets unchanged: no name of the stack's, and none passed on under another name."""
    return {name: text for name, text in given.items() if name not in NAMES | WITHHELD}


def _is_client_setting(name: str) -> bool:
    """Return whether a `PREFECT_*` name is a setting of Prefect's client side."""
    return (
        not name.startswith("PREFECT__")
        and name not in OWN_NAMES | WITHHELD
        and not _matches(name, SERVER_ONLY)
    )


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
