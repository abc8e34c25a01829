"""The query parameters of log ranges and log tails."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from northflank_emulator.errors import invalid_parameter
from northflank_emulator.server.routing import Call, one_of
from northflank_emulator.state.clock import parse
from northflank_emulator.state.log_store import LineFilter
from northflank_emulator.state.paging import whole_number

_TYPES = ("cdn", "mesh", "ingress", "runtime", "build", "backup", "restore")
_TEXT_FILTERS = ("textIncludes", "textNotIncludes", "regexIncludes", "regexNotIncludes")
_DEFAULT_LINES = 100
_DEFAULT_TAIL_LINES = 10
_MOST_LINES = 10_000
_LOOK_BACK = timedelta(minutes=30)
"""How far a range or a tail without times goes back."""
_LONGEST_SECONDS = 10 * 365 * 24 * 3600
_LONGEST_REGEX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which lines, how many, from which end; `runtime` is false if the query asks for other types."""

    wanted: LineFilter
    limit: int
    forward: bool
    runtime: bool


def of_range(call: Call, now: datetime) -> LogQuery:
    """Read the query of `GET …/logs?queryType=range`.

    Raises:
        InvalidRequest: a parameter, or their combination, is wrong.
    """
    start, end = _times(call, now)
    return LogQuery(
        wanted=_wanted(call, start, end),
        limit=_whole(call, "lineLimit", _DEFAULT_LINES, _MOST_LINES),
        forward=one_of(call, "direction", ("forward", "backward"), "backward") == "forward",
        runtime=_asks_for_runtime(call),
    )


def of_tail(call: Call, now: datetime) -> LogQuery:
    """Read the query of a log tail.

    Raises:
        InvalidRequest: a parameter is wrong.
    """
    one_of(call, "queryType", ("tail",), "tail")
    start = _time(call, "startTime") or now - _LOOK_BACK
    return LogQuery(
        wanted=_wanted(call, start, None),
        limit=_whole(call, "lineLimit", _DEFAULT_TAIL_LINES, _MOST_LINES),
        forward=True,
        runtime=_asks_for_runtime(call),
    )


def _wanted(call: Call, start: datetime | None, end: datetime | None) -> LineFilter:
    given = [name for name in _TEXT_FILTERS if call.one(name) is not None]
    if len(given) > 1:
        raise invalid_parameter(given[1], f"cannot be combined with {given[0]}")
    return LineFilter(
        run=call.one("runId"),
        containers=call.many("containerName"),
        start=start,
        end=end,
        includes=call.one("textIncludes"),
        excludes=call.one("textNotIncludes"),
        matches=_regex(call, "regexIncludes"),
        matches_not=_regex(call, "regexNotIncludes"),
    )


def _times(call: Call, now: datetime) -> tuple[datetime | None, datetime | None]:
    start, end = _time(call, "startTime"), _time(call, "endTime")
    if call.one("duration") is None:
        # A query that names a run gets its whole log.
        if start is None and end is None and call.one("runId") is None:
            start = now - _LOOK_BACK
        return start, end
    if start is not None and end is not None:
        raise invalid_parameter("duration", "takes at most one of startTime and endTime")
    length = timedelta(seconds=_whole(call, "duration", 0, _LONGEST_SECONDS))
    if start is not None:
        return start, start + length
    return (end or now) - length, end


def _time(call: Call, name: str) -> datetime | None:
    text = call.one(name)
    if text is None:
        return None
    try:
        return parse(text)
    except (ValueError, OverflowError) as error:
        raise invalid_parameter(name, "must be an ISO 8601 time") from error


def _whole(call: Call, name: str, default: int, most: int) -> int:
    return whole_number(name, call.one(name), default, most)


def _regex(call: Call, name: str) -> re.Pattern[str] | None:
    text = call.one(name)
    if text is None:
        return None
    if len(text) > _LONGEST_REGEX:
        raise invalid_parameter(name, f"must have at most {_LONGEST_REGEX} characters")
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise invalid_parameter(name, f"is not a regular expression: {error}") from error


def _asks_for_runtime(call: Call) -> bool:
    types = call.many("type")
    for unknown in (it for it in types if it not in _TYPES):
        raise invalid_parameter("type", f"{unknown!r} is not one of {', '.join(_TYPES)}")
    return not types or "runtime" in types
