"""Checks that the database is usable, and creates or upgrades its tables (`db check`, `db upgrade`)."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import IO
from urllib.parse import quote

from metaflow_prefect.headless.database import provisioning
from metaflow_prefect.headless.errors import StorageRefused
from metaflow_prefect.headless.services import process_environment
from metaflow_prefect.headless.services.process_environment import Access
from metaflow_prefect.headless.settings.database_address import Database, ProbeResult
from metaflow_prefect.headless.settings.model import Settings

UPGRADE = "`prefect-headless db upgrade`"
VERSION_TABLE = "alembic_version"
"""Where Alembic, with which Prefect creates its tables, keeps their version."""
REGISTER_BLOCKS_SCRIPT = """
import asyncio
from prefect.server.database import provide_database_interface
from prefect.server.models.block_registration import run_block_auto_registration

async def main():
    async with await provide_database_interface().session() as session:
        await run_block_auto_registration(session=session)

asyncio.run(main())
"""
"""What each server does when it starts (prefect.server.api.server, `add_block_types`); several at
once insert the same rows, and those that fail end their server."""


def check(database: Database, *, is_made_by_up: bool) -> str:
    """Return one sentence about *database*.

    Raises:
        StorageRefused: it cannot be used.
    """
    if not database.is_postgres:
        return _check_sqlite(database, "the first `up`" if is_made_by_up else UPGRADE)
    from metaflow_prefect.headless.database import postgres

    probe = postgres.wait_for(database, timeout_seconds=0)
    if probe.result is ProbeResult.READY:
        return f"ok: {database.label}"
    raise StorageRefused(probe.reason, fix=probe.fix or "`prefect-headless up` creates it")


def require_tables(database: Database) -> None:
    """Check that *database* has tables, where `up` must not create them.

    Raises:
        StorageRefused: it has none; Prefect's server would try for minutes.
    """
    if _has_tables(database):
        return
    raise StorageRefused(
        f"{database.label} has no tables, and PREFECT_SKIP_INIT=1 keeps `up` from creating them",
        fix=f"create them with {UPGRADE}, or unset PREFECT_SKIP_INIT",
    )


def _has_tables(database: Database) -> bool:
    if database.is_postgres:
        from metaflow_prefect.headless.database import postgres

        return postgres.has_table(database, VERSION_TABLE)
    if database.is_missing_file:
        return False
    statement = "SELECT count(*) FROM sqlite_master WHERE name = ?"
    with closing(_opened(database)) as connection:
        (count,) = connection.execute(statement, (VERSION_TABLE,)).fetchone()
    return bool(count)


def upgrade(settings: Settings, database: Database, *, log: IO[bytes] | None = None) -> None:
    """Upgrade the tables to the installed Prefect's version; its output goes to *log*, or to this process's.

    Raises:
        StorageRefused: the database cannot be used, or Prefect's migration failed; its own output
            says why.
    """
    if database.is_postgres:
        probe = provisioning.make_ready(database, timeout_seconds=0)
        if probe.result is not ProbeResult.READY:
            raise StorageRefused(probe.reason, fix=probe.fix)
    steps: list[tuple[str, ...]] = [("-m", "prefect", "server", "database", "upgrade", "-y")]
    if settings.server.api_processes > 1:
        steps.append(("-c", REGISTER_BLOCKS_SCRIPT))
    for step in steps:
        done = subprocess.run(
            (sys.executable, *step),
            env=process_environment.for_server(settings, Access(auth_string=None), database),
            stdout=log,
            stderr=log,
            check=False,
        )
        if done.returncode != 0:
            raise StorageRefused(
                f"the tables of {database.label} could not be upgraded",
                fix=f"see {f'the end of {log.name}' if log else 'the lines above'}; stop the "
                "stack first if it runs",
            )


def _check_sqlite(database: Database, maker: str) -> str:
    path = database.sqlite_file
    if not path.exists():
        return f"ok: {path} will be created by {maker}"
    try:
        with closing(_opened(database)) as connection:
            (state,) = connection.execute("PRAGMA quick_check").fetchone()
            versions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.Error as error:
        raise StorageRefused(
            f"{path} cannot be read: {error}",
            fix=f"{UPGRADE} creates missing tables; restore a damaged file",
        ) from error
    if state != "ok":
        raise StorageRefused(f"{path} is damaged: {state}", fix="restore it from a copy")
    return f"ok: {path}, tables at version {versions[0][0] if versions else 'none'}"


def _opened(database: Database) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(database.sqlite_file))}?mode=ro", uri=True)
