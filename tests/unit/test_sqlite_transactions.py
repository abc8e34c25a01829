"""Transactions on SQLite that read before they write: through Prefect's own engine, as its server uses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import entry_points

import pytest
import sqlalchemy as sa
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy.ext.asyncio import AsyncSession

from metaflow_prefect.headless.settings.database_address import SQLITE_PLUGIN, sqlite
from metaflow_prefect.sqlite_transactions import ImmediateTransactions

AT_ONCE = 8
READ = sa.text("SELECT count FROM counter")
COUNT_UP = sa.text("UPDATE counter SET count = count + 1")


@asynccontextmanager
async def counter(url: str) -> AsyncIterator[AioSqliteConfiguration]:
    """A database with a counter at 0, opened as Prefect's server does."""
    server = AioSqliteConfiguration(url)
    async with transaction(server) as session:
        await session.execute(sa.text("CREATE TABLE counter (count INTEGER)"))
        await session.execute(sa.text("INSERT INTO counter VALUES (0)"))
    try:
        yield server
    finally:
        await (await server.engine()).dispose()


@asynccontextmanager
async def transaction(server: AioSqliteConfiguration) -> AsyncIterator[AsyncSession]:
    session = await server.session(await server.engine())
    async with session, server.begin_transaction(session):
        yield session


async def read(server: AioSqliteConfiguration) -> int:
    """Read as Prefect does where it begins no transaction."""
    async with await server.session(await server.engine()) as session:
        return await session.scalar(READ)


def test_transactions_that_read_before_they_write_wait_for_one_another(tmp_path):
    async def count_up(server):
        async with transaction(server) as session:
            count = await session.scalar(READ)
            await asyncio.sleep(0.01)  # another connection may write meanwhile
            await session.execute(sa.text("UPDATE counter SET count = :next"), {"next": count + 1})

    async def scenario():
        async with counter(sqlite(tmp_path / "prefect.db").server_url) as server:
            await asyncio.gather(*(count_up(server) for _ in range(AT_ONCE)))
            return await read(server)

    assert asyncio.run(scenario()) == AT_ONCE


def test_a_read_inside_a_transaction_of_the_same_task_does_not_wait_for_it(tmp_path):
    """Prefect pauses a work queue so."""

    async def scenario():
        async with counter(sqlite(tmp_path / "prefect.db").server_url) as server:
            async with transaction(server) as outer:
                await outer.execute(COUNT_UP)
                inside = await read(server)
            return inside, await read(server)

    assert asyncio.run(scenario()) == (0, 1)


def test_a_transaction_after_another_one_of_the_same_task_waits_again(tmp_path):
    async def scenario():
        async with counter(sqlite(tmp_path / "prefect.db").server_url) as server:
            for _ in range(2):
                async with transaction(server) as session:
                    await session.scalar(READ)
                    # Another connection can't write now; where it can, the next line is refused.
                    with pytest.raises(sa.exc.OperationalError, match="locked"):
                        await write_at_once(tmp_path / "prefect.db")
                    await session.execute(COUNT_UP)
            return await read(server)

    assert asyncio.run(scenario()) == 2


async def write_at_once(path) -> None:
    """Write from outside, without waiting for anybody."""
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 0})
    try:
        with engine.begin() as connection:
            connection.execute(COUNT_UP)
    finally:
        engine.dispose()


def test_without_the_plugin_prefects_own_transactions_fail(tmp_path):
    """Else the plugin may go: Prefect does it itself."""

    async def scenario():
        prefects = counter(sqlite(tmp_path / "prefect.db").url)
        async with prefects as server, transaction(server) as session:
            await session.scalar(READ)
            await write_at_once(tmp_path / "prefect.db")
            with pytest.raises(sa.exc.OperationalError, match="database is locked"):
                await session.execute(COUNT_UP)

    asyncio.run(scenario())


def test_sqlalchemy_finds_the_plugin_by_the_name_that_the_stack_uses():
    (entry,) = (
        found for found in entry_points(group="sqlalchemy.plugins") if found.name == SQLITE_PLUGIN
    )

    assert entry.load() is ImmediateTransactions
