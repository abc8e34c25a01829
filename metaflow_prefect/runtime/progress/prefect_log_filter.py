"""Shortens what Prefect logs about a failed step or a refusal: once, without the frames of Prefect and this package.

Prefect logs an exception where it catches it, in the task run and in the flow run, with its traceback and
again as text of the state. The traceback of this package's errors ends in this runtime and does not help: they say
what is wrong, and the user's own traceback is in the lines of the step and in the message of a `StepFailed`.
"""

from __future__ import annotations

import logging
import re
from enum import Enum

from metaflow_prefect import errors
from metaflow_prefect.errors import MetaflowPrefectError, StepFailed

_MARK = "metaflow_failed_step"
_RETRY = "Retry %s/%s"
_AT_ONCE = "immediately"
_FINISHED = "Finished in state "
_REPEATED = re.compile(r"encountered an exception:? (?P<error>[A-Za-z]+): ")


class FailureLine(str, Enum):
    """What a line of Prefect's log reports about a failed step or a refusal."""

    RETRIED = "retried"
    PUT_OFF = "put off"
    FAILED = "failed"
    ENDED = "ended"


def install() -> None:
    """Shorten the lines of Prefect's loggers of runs, for every handler; twice is once."""
    from prefect.logging import get_logger

    for name in ("flow_runs", "task_runs"):
        get_logger(name).addFilter(shorten)


def failure_line(record: logging.LogRecord) -> FailureLine | None:
    """Return what the line reports about a failed step or a refusal, or None; `shorten` must have seen it."""
    return getattr(record, _MARK, None)


def shorten(record: logging.LogRecord) -> bool:
    """Let every line pass; remove tracebacks and repeated text from one about a failed step or a refusal."""
    failure = _failure(record)
    if failure is not None:
        setattr(record, _MARK, _kind(record))
        record.exc_info = record.exc_text = None
        text = _Text(_told(failure, record))
        record.msg, record.args = _counted(str(record.msg), _args(record), failure)
        record.args = tuple(text if item is failure else item for item in _args(record))
        # Some of Prefect's lines have it in the message itself.
        record.msg = str(record.msg).replace(repr(failure), repr(text))
    elif _repeats(str(record.msg)):
        setattr(record, _MARK, FailureLine.ENDED)
        record.msg = f"{_FINISHED}Failed()"
    return True


def _told(failure: MetaflowPrefectError, record: logging.LogRecord) -> str:
    # The task run's log has the step's own lines right above; the flow run's has not.
    if isinstance(failure, StepFailed) and not record.name.endswith("flow_runs"):
        return failure.first_line
    return str(failure)


def _repeats(message: str) -> bool:
    """Return whether a line about a state quotes one of this package's errors, which a line above has shown."""
    found = _REPEATED.search(message) if message.startswith(_FINISHED) else None
    error = getattr(errors, found["error"], None) if found else None
    return isinstance(error, type) and issubclass(error, MetaflowPrefectError)


def _kind(record: logging.LogRecord) -> FailureLine:
    if _RETRY not in str(record.msg):
        return FailureLine.FAILED
    return FailureLine.RETRIED if record.getMessage().endswith(_AT_ONCE) else FailureLine.PUT_OFF


def _failure(record: logging.LogRecord) -> MetaflowPrefectError | None:
    raised = record.exc_info[1] if record.exc_info else None
    found = (item for item in (raised, *_args(record)) if isinstance(item, MetaflowPrefectError))
    return next(found, None)


def _args(record: logging.LogRecord) -> tuple[object, ...]:
    return record.args if isinstance(record.args, tuple) else ()


def _counted(
    message: str, told: tuple[object, ...], failure: MetaflowPrefectError
) -> tuple[str, tuple[object, ...]]:
    """Count retries as @retry does: Prefect's task has more, which are those of @catch's fallback."""
    before, mark, after = message.partition(_RETRY)
    index = before.replace("%%", "").count("%")
    number, rest = told[index : index + 1], told[index + 2 :]
    retries = failure.user_retries if isinstance(failure, StepFailed) else None
    if not mark or retries is None or not isinstance(next(iter(number), None), int):
        return message, told
    if number[0] <= retries:  # type: ignore[operator]  # a number: see above
        return message, (*told[:index], *number, retries, *rest)
    return f"{before}@catch's fallback{after}", (*told[:index], *rest)


class _Text:
    """A text without quotes, also under `%r`."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text
