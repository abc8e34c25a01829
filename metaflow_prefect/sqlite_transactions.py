"""Makes SQLite transactions of a Prefect server wait for one another instead of failing.

Prefect begins most transactions with `BEGIN DEFERRED`
(prefect.server.database.configurations, `AioSqliteConfiguration.begin_transaction`). One that reads
first and writes afterwards is refused at once, however long it would wait, if another was committed
in between (https://www.sqlite.org/rescode.html#busy_snapshot): the server answers 503, the client
comes again, and some dozens of runs that write at once keep each other from ever being served.
`BEGIN IMMEDIATE` waits for the right to write before it reads.

To be removed when Prefect does it itself: `test_without_the_plugin_prefects_own_transactions_fail` fails then.
"""

from __future__ import annotations

import weakref
from contextvars import ContextVar
from typing import Any

from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.engine import CreateEnginePlugin

_DEFERRED, _IMMEDIATE = "BEGIN DEFERRED", "BEGIN IMMEDIATE"

_outer: ContextVar[weakref.ref[Connection] | None] = ContextVar("_outer", default=None)
"""The connection whose transaction this task has begun, if it still exists."""


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
        """Make the transactions of *engine* wait."""
        let_transactions_wait(engine)


def let_transactions_wait(engine: Engine | type[Engine]) -> None:
    """Begin each deferred transaction of *engine*, or of all engines of the class, as an immediate one.

    One that is begun inside another one, by the same task, stays deferred: it would wait for itself. Prefect reads so
    when a work queue is paused (prefect.server.models.work_queues, `emit_work_queue_status_event`).
    """
    event.listen(engine, "before_cursor_execute", _immediate, retval=True, named=True)


def _immediate(
    *, conn: Connection, statement: str, parameters: object, **_: object
) -> tuple[str, object]:
    if statement != _DEFERRED or _is_inside_another():
        return statement, parameters
    _outer.set(weakref.ref(conn))
    return _IMMEDIATE, parameters


def _is_inside_another() -> bool:
    found = _outer.get()
    outer = found() if found else None
    return outer is not None and not outer.closed and outer.in_transaction()
