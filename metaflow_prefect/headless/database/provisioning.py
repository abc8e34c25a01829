"""Makes the chosen database usable: waits for it, creates it, falls back with a warning, or refuses."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from metaflow_prefect.headless.database import cluster
from metaflow_prefect.headless.errors import StorageRefused
from metaflow_prefect.headless.files.layout import Layout
from metaflow_prefect.headless.files.secret_files import get_or_create_secret, read_secret
from metaflow_prefect.headless.services.services import Cluster
from metaflow_prefect.headless.settings import database_address
from metaflow_prefect.headless.settings.database_address import (
    Database,
    DatabaseKind,
    MachineFacts,
    Probe,
    ProbeResult,
)
from metaflow_prefect.headless.settings.model import Postgres, Settings, StorageType

DEFAULT_PASSWORD = "pgpass"  # noqa: S105  the documented default, good for a throw-away server only
PASS_FILE_FIELDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedDatabase:
    """The database to use, the cluster to supervise with it, and what the user must be told."""

    database: Database
    cluster: Cluster | None = None
    warning: str | None = None


def provide(
    settings: Settings, layout: Layout, *, say: Callable[[str], None]
) -> ProvisionedDatabase:
    """Choose the database and make it ready; create a managed cluster, but do not start it.

    Raises:
        StorageRefused: the requested database cannot be used, and falling back is not allowed.
    """
    kind = database_address.choose(settings, _machine_facts(settings, layout))
    if kind is DatabaseKind.SQLITE:
        return ProvisionedDatabase(database=database_address.sqlite(layout.database))
    if kind is DatabaseKind.MANAGED:
        return _provide_cluster(settings, layout)
    if kind is DatabaseKind.URL:
        chosen = database_address.from_url(settings.storage.url or "")
        if not chosen.is_postgres:
            return ProvisionedDatabase(database=chosen)
    else:
        chosen = database_address.from_parts(
            kind, settings, external_password(settings.storage.postgres)
        )
    return _wait_or_fall_back(settings, layout, chosen, say)


def make_ready(chosen: Database, *, timeout_seconds: float) -> Probe:
    """Wait for *chosen* to answer and create the database if only that is missing."""
    # Loading SQLAlchemy takes half a second: only where a database is asked.
    from metaflow_prefect.headless.database import postgres

    probe = postgres.wait_for(chosen, timeout_seconds=timeout_seconds)
    if probe.result is ProbeResult.NO_DATABASE:
        probe = postgres.create_database(chosen)
    return probe


def external_password(given: Postgres) -> str:
    """Return the password for an external server: the given one, the pass file's, or the default."""
    if given.password is not None:
        return given.password
    if given.pass_file is not None:
        found = password_in(given.pass_file, given)
        if found is not None:
            return found
    return DEFAULT_PASSWORD


def password_in(pass_file: Path, given: Postgres) -> str | None:
    """Return the password that libpq would take from *pass_file* (postgresql.org: "The Password File").

    Raises:
        StorageRefused: the file cannot be read.
    """
    try:
        lines = pass_file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise StorageRefused(
            f"PGPASSFILE={pass_file} cannot be read: {error.strerror}", fix="correct PGPASSFILE"
        ) from error
    wanted = (given.host, str(given.port), given.database, given.user)
    for line in lines:
        fields = _pass_file_fields(line)
        if len(fields) == PASS_FILE_FIELDS and all(
            field in {"*", value} for field, value in zip(fields, wanted, strict=False)
        ):
            return fields[-1]
    return None


def _provide_cluster(settings: Settings, layout: Layout) -> ProvisionedDatabase:
    given = settings.storage.postgres
    binaries = cluster.find_binaries(os.environ.get("PATH", os.defpath))
    if binaries is None:
        raise StorageRefused(
            "a managed cluster is requested, but PostgreSQL's initdb and postgres are not installed",
            fix="install PostgreSQL (Debian: apt-get install postgresql), or name a server with "
            "PREFECT_DATABASE_URL",
        )
    if given.password is not None:
        password = given.password
    else:
        line = get_or_create_secret(layout.postgres_password, prefix="*:*:*:*:")
        password = _pass_file_fields(line)[-1]
    made = cluster.ensure(layout, given, binaries, password)
    chosen = database_address.from_parts(DatabaseKind.MANAGED, settings, password)
    return ProvisionedDatabase(database=chosen, cluster=made)


def _wait_or_fall_back(
    settings: Settings, layout: Layout, chosen: Database, say: Callable[[str], None]
) -> ProvisionedDatabase:
    patience = settings.storage.postgres.wait_seconds
    say(f"waiting up to {patience:g} s for {chosen.label}")
    probe = make_ready(chosen, timeout_seconds=patience)
    if probe.result is ProbeResult.READY:
        return ProvisionedDatabase(database=chosen)
    may_fall_back = (
        probe.result is ProbeResult.UNREACHABLE
        and chosen.kind is DatabaseKind.PG_VARIABLES
        and not settings.storage.strict
        # Several API processes cannot share a SQLite file.
        and settings.server.api_processes == 1
    )
    if not may_fall_back:
        raise StorageRefused(f"{chosen.label}: {probe.reason}", fix=probe.fix)
    return ProvisionedDatabase(
        database=database_address.sqlite(layout.database),
        warning=f"FALLING BACK TO SQLITE ({layout.database}): {probe.reason}. What was recorded "
        "in PostgreSQL is not visible. PREFECT_STORAGE_STRICT=1 makes this an error",
    )


def current(settings: Settings, layout: Layout) -> Database:
    """Return the database *settings* name now, without waiting, creating or falling back."""
    kind = database_address.choose(settings, _machine_facts(settings, layout))
    if kind is DatabaseKind.SQLITE:
        return database_address.sqlite(layout.database)
    if kind is DatabaseKind.URL:
        return database_address.from_url(settings.storage.url or "")
    given = settings.storage.postgres
    password = external_password(given)
    if kind is DatabaseKind.MANAGED and given.password is None:
        password = (read_secret(layout.postgres_password) or "").rpartition(":")[2]
    return replace(database_address.from_parts(kind, settings, password), kind=kind)


def _machine_facts(settings: Settings, layout: Layout) -> MachineFacts:
    storage = settings.storage
    given = storage.postgres
    if storage.url or storage.type is StorageType.SQLITE:
        return MachineFacts(postgres_answers=False, cluster_exists=False, binaries=None)
    return MachineFacts(
        postgres_answers=cluster.something_listens(given.host, given.port),
        cluster_exists=cluster.exists(cluster.directory_of(layout, given)),
        binaries=cluster.find_binaries(os.environ.get("PATH", os.defpath)),
    )


def _pass_file_fields(line: str) -> list[str]:
    """Return the colon-separated fields of one line; a backslash escapes a colon."""
    fields, current_field, escaped = [], "", False
    for character in line:
        if escaped or character not in "\\:":
            current_field, escaped = current_field + character, False
        elif character == "\\":
            escaped = True
        else:
            fields.append(current_field)
            current_field = ""
    return [*fields, current_field]
