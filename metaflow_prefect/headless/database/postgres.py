"""Asks a PostgreSQL server whether it is reachable, accepts the user, and has what Prefect needs."""

from __future__ import annotations

import asyncio

import asyncpg
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from metaflow_prefect.headless.settings.database_address import Database, Probe, ProbeResult
from metaflow_prefect.headless.waiting import wait_until

NOT_READY_ERRORS = (OSError, TimeoutError, asyncio.TimeoutError, asyncpg.CannotConnectNowError)
"""Errors that may go away: the server is not reachable yet or is starting up."""
CONNECTION_ERRORS = (
    *NOT_READY_ERRORS,
    SQLAlchemyError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)
"""Everything a connection attempt raises, SQLAlchemy's wrapping included."""
ATTEMPT_SECONDS = 5


def wait_for(database: Database, *, timeout_seconds: float) -> Probe:
    """Try *database* until it answers, for at most *timeout_seconds* while nothing listens."""
    return wait_until(
        lambda: asyncio.run(_try(database)),
        seconds=timeout_seconds,
        every=0.3,
        enough=lambda probe: probe.result is not ProbeResult.UNREACHABLE,
    )


def create_database(database: Database) -> Probe:
    """Create the database that *database* names, in the same server; then try it."""
    return asyncio.run(_create_then_try(database))


def has_table(database: Database, name: str) -> bool:
    """Return whether *database*, which is reachable, has the table *name* where Prefect looks for it."""
    (found,) = asyncio.run(
        _execute(make_url(database.url), f"SELECT to_regclass('{name}') IS NOT NULL")
    )
    return found


async def _create_then_try(database: Database) -> Probe:
    url = make_url(database.url)
    name = (url.database or "").replace('"', '""')
    try:
        await _execute(url.set(database="postgres"), f'CREATE DATABASE "{name}"')
    except CONNECTION_ERRORS as error:
        cause = _cause(error)
        # Another process created it, or the server has no database `postgres`: the probe tells which.
        if not isinstance(cause, (asyncpg.DuplicateDatabaseError, asyncpg.InvalidCatalogNameError)):
            return Probe(
                result=ProbeResult.REFUSED,
                reason=f"the database {url.database!r} does not exist and {url.username!r} may "
                f"not create it ({_first_line(cause)})",
                fix=f"create it as a superuser: createdb --owner {url.username} {url.database}",
            )
    return await _try(database)


async def _try(database: Database) -> Probe:
    try:
        url = make_url(database.url)
    except (ArgumentError, ValueError):
        # SQLAlchemy's own message would show the password.
        return Probe(
            result=ProbeResult.REFUSED,
            reason="the database URL cannot be read",
            fix="write it as postgresql://user:password@host:5432/database, special characters "
            "of the password as %40 and the like",
        )
    try:
        return await asyncio.wait_for(_inspect(url), ATTEMPT_SECONDS)
    except CONNECTION_ERRORS as error:
        return _explain(url, _cause(error))
    except TypeError as error:
        # The options after the question mark become arguments of asyncpg's `connect`.
        return Probe(
            result=ProbeResult.REFUSED,
            reason=f"the options {', '.join(url.query)} of the database URL are not asyncpg's "
            f"({error})",
            fix="remove the options after the question mark that only libpq knows",
        )


def _explain(url: URL, cause: BaseException) -> Probe:
    where = f"PostgreSQL at {url.host}:{url.port}"
    if isinstance(cause, asyncpg.InvalidCatalogNameError):
        reason = f"there is no database {url.database!r}"
        return Probe(result=ProbeResult.NO_DATABASE, reason=reason)
    if isinstance(cause, asyncpg.InvalidPasswordError):
        return Probe(
            result=ProbeResult.REFUSED,
            reason=f"{where} refuses the password of {url.username!r}",
            fix="correct PGUSER and PGPASSWORD, or the database URL",
        )
    if isinstance(cause, NOT_READY_ERRORS):
        return Probe(
            result=ProbeResult.UNREACHABLE,
            reason=f"{where} does not answer ({_first_line(cause)})",
            fix="start it, or correct the address",
        )
    return Probe(
        result=ProbeResult.REFUSED,
        reason=f"{where} refuses the connection ({_first_line(cause)})",
        fix="see the server's log",
    )


def _cause(error: BaseException) -> BaseException:
    """Return asyncpg's own error, which SQLAlchemy wraps twice."""
    inner = error.orig if isinstance(error, DBAPIError) else error
    while inner is not None and not isinstance(inner, (asyncpg.PostgresError, OSError)):
        error, inner = inner, inner.__cause__
    return inner or error


async def _inspect(url: URL) -> Probe:
    """Check for what Prefect's migrations need, before they fail halfway."""
    question = """
        SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'),
               EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'),
               has_database_privilege(current_database(), 'CREATE'),
               coalesce(has_schema_privilege('public', 'CREATE'), false)
    """
    installed, available, may_extend, may_create = await _execute(url, question)
    if not installed and not available:
        return Probe(
            result=ProbeResult.UNFIT,
            reason="the extension pg_trgm, which Prefect needs, is not installed on the server",
            fix="install PostgreSQL's contrib package (Debian: postgresql-contrib)",
        )
    if (not installed and not may_extend) or not may_create:
        return Probe(
            result=ProbeResult.UNFIT,
            reason=f"the role {url.username!r} may not create tables and the extension pg_trgm "
            f"in {url.database!r}",
            fix=f'as a superuser: ALTER DATABASE "{url.database}" OWNER TO "{url.username}"',
        )
    return Probe(result=ProbeResult.READY)


async def _execute(url: URL, statement: str) -> tuple[bool, ...]:
    """Return the only row of *statement*, run outside a transaction on a new connection."""
    engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        connection: AsyncConnection
        async with engine.connect() as connection:
            result = await connection.execute(text(statement))
            return tuple(result.one()) if result.returns_rows else ()
    finally:
        await engine.dispose()


def _first_line(error: BaseException) -> str:
    words = str(error).strip() or type(error).__name__
    return words.splitlines()[0]
