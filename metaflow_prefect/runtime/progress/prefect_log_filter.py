"""Shortens what Prefect logs about a failed step: once, and without the frames of Prefect and this package.

Prefect logs an exception where it catches it, in the task run and in the flow run, with its traceback and
again as text of the state. The traceback of a `StepFailed` ends in this runtime and does not help: the
user's own is in the lines of the step and in the message.
"""

from __future__ import annotations

import logging
from enum import Enum

from metaflow_prefect.errors import StepFailed

_MARK = "metaflow_failed_step"
_RETRY = "Retry %s/%s"
_AT_ONCE = "immediately"
_FINISHED = "Finished in state "


class FailureLine(str, Enum):
    """What a line of Prefect's log reports about a failed step."""

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
    """Return what the line reports about a failed step, or None; `shorten` must have seen it."""
    return getattr(record, _MARK, None)


def shorten(record: logging.LogRecord) -> bool:
    """Let every line pass; remove tracebacks and repeated text from one about a failed step."""
    failure = _failure(record)
    if failure is not None:
        setattr(record, _MARK, _kind(record))
        record.exc_info = record.exc_text = None
        # The task run's log has the step's own lines right above; the flow run's has not.
        is_whole = record.name.endswith("flow_runs")
        text = _Text(str(failure) if is_whole else failure.first_line)
        record.msg, record.args = _counted(str(record.msg), _args(record), failure)
        record.args = tuple(text if item is failure else item for item in _args(record))
        # Some of Prefect's lines have it in the message itself.
        record.msg = str(record.msg).replace(repr(failure), repr(text))
    elif str(record.msg).startswith(_FINISHED) and StepFailed.__name__ in str(record.msg):
        setattr(record, _MARK, FailureLine.ENDED)
        record.msg = f"{_FINISHED}Failed()"
    return True


def _kind(record: logging.LogRecord) -> FailureLine:
    if _RETRY not in str(record.msg):
        return FailureLine.FAILED
    return FailureLine.RETRIED if record.getMessage().endswith(_AT_ONCE) else FailureLine.PUT_OFF


def _failure(record: logging.LogRecord) -> StepFailed | None:
    raised = record.exc_info[1] if record.exc_info else None
    return next((item for item in (raised, *_args(record)) if isinstance(item, StepFailed)), None)


def _args(record: logging.LogRecord) -> tuple[object, ...]:
    return record.args if isinstance(record.args, tuple) else ()


def _counted(
    message: str, told: tuple[object, ...], failure: StepFailed
) -> tuple[str, tuple[object, ...]]:
    """Count retries as @retry does: Prefect's task has more, which are those of @catch's fallback."""
    before, mark, after = message.partition(_RETRY)
    index = before.replace("%%", "").count("%")
    number, rest = told[index : index + 1], told[index + 2 :]
    if not mark or failure.user_retries is None or not isinstance(next(iter(number), None), int):
        return message, told
    if number[0] <= failure.user_retries:  # type: ignore[operator]  # a number: see above
        return message, (*told[:index], *number, failure.user_retries, *rest)
    return f"{before}@catch's fallback{after}", (*told[:index], *rest)


class _Text:
    """A text without quotes, also under `%r`."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text
