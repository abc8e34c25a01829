"""The log lines of containers in SQLite, and how a range of them is found."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from northflank_emulator.state.models import LogLine, Stream

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log_lines (
    number INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT, job TEXT, run TEXT, container TEXT,
    at INTEGER, stream TEXT, partial INTEGER, text TEXT
);
CREATE INDEX IF NOT EXISTS log_lines_of_job ON log_lines (project, job, number);
CREATE INDEX IF NOT EXISTS log_lines_of_run ON log_lines (run, number);
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_COLUMNS = "number, container, at, stream, partial, text"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenLine:
    """A line as a container wrote it, before the store numbers it."""

    at: datetime
    stream: Stream
    text: str
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSource:
    """The container that wrote a line, and its run."""

    project: str
    job: str
    run: str
    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFilter:
    """Which lines to find, by default all. `after` is the number of a line."""

    run: str | None = None
    containers: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    after: int = 0
    includes: str | None = None
    excludes: str | None = None
    matches: re.Pattern[str] | None = None
    matches_not: re.Pattern[str] | None = None

    def takes(self, text: str) -> bool:
        """Return whether *text* passes the text filters."""
        return not (
            (self.includes is not None and self.includes not in text)
            or (self.excludes is not None and self.excludes in text)
            or (self.matches is not None and not self.matches.search(text))
            or (self.matches_not is not None and self.matches_not.search(text))
        )


class LogStore:
    """Log lines in the order of their arrival, which is also the order of their numbers."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript(_SCHEMA)

    def append(self, source: LineSource, lines: Iterable[WrittenLine]) -> None:
        """Store *lines*."""
        rows = [
            (
                source.project,
                source.job,
                source.run,
                source.container,
                _microseconds(line.at),
                line.stream.value,
                line.partial,
                line.text,
            )
            for line in lines
        ]
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT INTO log_lines (project, job, run, container, at, stream, partial, text)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        self._database.execute("COMMIT")

    def first(self, project: str, job: str, wanted: LineFilter, limit: int) -> list[LogLine]:
        """Return the oldest *limit* lines that *wanted* takes, oldest first."""
        return self._select(project, job, wanted, limit, "ASC")

    def last(self, project: str, job: str, wanted: LineFilter, limit: int) -> list[LogLine]:
        """Return the newest *limit* lines that *wanted* takes, oldest first."""
        return self._select(project, job, wanted, limit, "DESC")[::-1]

    def newest_number(self) -> int:
        """Return the number of the newest line of all."""
        (number,) = self._database.execute("SELECT MAX(number) FROM log_lines").fetchone()
        return number or 0

    def size(self, run: str) -> int:
        """Return the number of characters in a run's log."""
        (size,) = self._database.execute(
            "SELECT SUM(LENGTH(text) + 1) FROM log_lines WHERE run = ?", (run,)
        ).fetchone()
        return size or 0

    def forget(self, run: str) -> None:
        """Delete a run's log."""
        self._database.execute("DELETE FROM log_lines WHERE run = ?", (run,))

    def forget_oldest(self, run: str, fraction: float) -> None:
        """Delete the oldest *fraction* of a run's lines."""
        (count,) = self._database.execute(
            "SELECT COUNT(*) FROM log_lines WHERE run = ?", (run,)
        ).fetchone()
        self._database.execute(
            "DELETE FROM log_lines WHERE number IN"
            " (SELECT number FROM log_lines WHERE run = ? ORDER BY number LIMIT ?)",
            (run, max(1, int(count * fraction))),
        )

    def _select(
        self, project: str, job: str, wanted: LineFilter, limit: int, order: str
    ) -> list[LogLine]:
        where, values = _conditions(project, job, wanted)
        query = f"SELECT {_COLUMNS} FROM log_lines WHERE {where} ORDER BY number {order}"  # noqa: S608  only constants: names of columns, ASC, DESC
        found: list[LogLine] = []
        for row in self._database.execute(query, values):
            if len(found) >= limit:
                break
            if wanted.takes(row[5]):
                found.append(_line(row))
        return found


def _conditions(project: str, job: str, wanted: LineFilter) -> tuple[str, Sequence[str | int]]:
    conditions = ["project = ?", "job = ?", "number > ?"]
    values: list[str | int] = [project, job, wanted.after]
    if wanted.run is not None:
        conditions.append("run = ?")
        values.append(wanted.run)
    if wanted.start is not None:
        conditions.append("at >= ?")
        values.append(_microseconds(wanted.start))
    if wanted.end is not None:
        conditions.append("at <= ?")
        values.append(_microseconds(wanted.end))
    if wanted.containers:
        conditions.append(f"container IN ({', '.join('?' * len(wanted.containers))})")
        values.extend(wanted.containers)
    return " AND ".join(conditions), values


def _line(row: tuple[int, str, int, str, int, str]) -> LogLine:
    number, container, at, stream, partial, text = row
    return LogLine(
        number=number,
        container=container,
        at=_EPOCH + timedelta(microseconds=at),
        stream=Stream(stream),
        text=text,
        partial=bool(partial),
    )


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
