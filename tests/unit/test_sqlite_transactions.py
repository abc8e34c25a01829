"""Transactions on SQLite that read before they write: through Prefect's own engine, as its server uses it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import entry_points

import sqlalchemy as sa
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy.ext.asyncio import AsyncSession

from metaflow_prefect.headless.database import SQLITE_PLUGIN, sqlite
from metaflow_prefect.sqlite_transactions import PLUGIN, ImmediateTransactions

AT_ONCE = 8


@asynccontextmanager
async def _transaction(server: AioSqliteConfiguration) -> AsyncIterator[AsyncSession]:
    session = await server.session(await server.engine())
    async with session, server.begin_transaction(session):
        yield session


async def _count_up(server: AioSqliteConfiguration) -> None:
    async with _transaction(server) as session:
        count = await session.scalar(sa.text("SELECT count FROM counter"))
        await asyncio.sleep(0.01)  # somebody else may write meanwhile
        await session.execute(sa.text("UPDATE counter SET count = :next"), {"next": count + 1})


async def _counted(url: str) -> tuple[int, list[BaseException]]:
    """What the counter is after *AT_ONCE* have counted it up at once, and what failed."""
    server = AioSqliteConfiguration(url)
    async with _transaction(server) as session:
        await session.execute(sa.text("CREATE TABLE counter (count INTEGER)"))
        await session.execute(sa.text("INSERT INTO counter VALUES (0)"))
    outcomes = await asyncio.gather(
        *(_count_up(server) for _ in range(AT_ONCE)), return_exceptions=True
    )
    async with _transaction(server) as session:
        count = await session.scalar(sa.text("SELECT count FROM counter"))
    await (await server.engine()).dispose()
    return count, [outcome for outcome in outcomes if isinstance(outcome, BaseException)]


def test_transactions_that_read_before_they_write_wait_for_one_another(tmp_path):
    count, failed = asyncio.run(_counted(sqlite(tmp_path / "prefect.db").server_url))

    assert (count, failed) == (AT_ONCE, [])


def test_without_the_plugin_prefects_own_transactions_fail(tmp_path):
    """Else the plugin may go: Prefect does it itself."""
    count, failed = asyncio.run(_counted(sqlite(tmp_path / "prefect.db").url))

    assert count == AT_ONCE - len(failed)
    assert failed
    assert all("database is locked" in str(error) for error in failed)


def test_sqlalchemy_finds_the_plugin_by_the_name_that_the_stack_uses():
    (entry,) = (found for found in entry_points(group="sqlalchemy.plugins") if found.name == PLUGIN)

    assert entry.load() is ImmediateTransactions
    assert SQLITE_PLUGIN == PLUGIN
