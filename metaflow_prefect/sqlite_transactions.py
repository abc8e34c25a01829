"""SQLite transactions that wait for one another instead of failing: what a Prefect server on SQLite lacks.

Prefect begins most transactions with `BEGIN DEFERRED`
(prefect.server.database.configurations, `AioSqliteConfiguration.begin_transaction`). One that reads
first and writes afterwards is refused at once, however long it would wait, if another was committed
in between (https://www.sqlite.org/rescode.html#busy_snapshot): the server answers 503, the client
comes again, and some dozens of runs that write at once keep each other from ever being served.
`BEGIN IMMEDIATE` queues for the right to write before it reads.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Engine, event
from sqlalchemy.engine import CreateEnginePlugin

PLUGIN = "metaflow-prefect-immediate"
"""Name of the entry point in the group `sqlalchemy.plugins`, for a database's URL."""

_DEFERRED, _IMMEDIATE = "BEGIN DEFERRED", "BEGIN IMMEDIATE"


class ImmediateTransactions(CreateEnginePlugin):
    """Loaded by SQLAlchemy where a database's URL says `plugin=metaflow-prefect-immediate`.

    Source: https://docs.sqlalchemy.org/en/20/core/connections.html#sqlalchemy.engine.CreateEnginePlugin
    """

    def __init__(self, url: URL, kwargs: dict[str, Any]) -> None:
        """Take nothing from either: the plugin has no options."""

    def update_url(self, url: URL) -> URL:
        """Return *url* as it is; SQLAlchemy itself removes `plugin`."""
        return url

    def engine_created(self, engine: Engine) -> None:
        """Let the transactions of *engine* wait."""
        let_transactions_wait(engine)


def let_transactions_wait(engine: Engine | type[Engine]) -> None:
    """Begin each deferred transaction of *engine*, or of all engines of the class, as an immediate one."""
    event.listen(engine, "before_cursor_execute", _immediate, retval=True, named=True)


def _immediate(*, statement: str, parameters: object, **_: object) -> tuple[str, object]:
    return (_IMMEDIATE if statement == _DEFERRED else statement), parameters
