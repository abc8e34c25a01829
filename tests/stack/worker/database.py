"""A PostgreSQL for load: a Prefect server on SQLite answers a few hundred flow runs at once with "database is locked"."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from tests.stack.headless.conftest import running_postgres
from tests.stack.worker.conftest import wait_until


@contextmanager
def postgres_url() -> Iterator[str]:
    """Run a PostgreSQL server; yield its address as Prefect's server wants it."""
    with running_postgres() as server:
        url = server.url("postgres")
        wait_until(lambda: asyncio.run(_answers(url)), "PostgreSQL answers")
        yield url.replace("postgresql://", "postgresql+asyncpg://")


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url)
    except (OSError, asyncpg.CannotConnectNowError):
        return False
    await connection.close()
    return True
