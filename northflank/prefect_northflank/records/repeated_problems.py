"""Logs a problem that a loop meets again and again once, and once more when it is gone; never ends the loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.exceptions import PrefectSignal

from prefect_northflank.errors import ApiError, NorthflankError
from prefect_northflank.loggers import LoggerOrAdapter
from prefect_northflank.records.prefect_retry import is_transient


class RepeatedProblems:
    """The current problems of one worker, each under the task that it prevents."""

    def __init__(self, logger: LoggerOrAdapter) -> None:
        self._logger = logger
        self._known: dict[str, set[object]] = {}

    @contextmanager
    def survive(self, task: str) -> Iterator[None]:
        """Log every error of the block instead of raising it; *task* completes "Could not …" in the log."""
        try:
            yield
        # Also a signal of Prefect's, which is not an Exception: the worker's other flow runs must go on.
        except (Exception, PrefectSignal) as error:  # noqa: BLE001  as above
            self.report(task, error)
        else:
            self.resolve(task)

    def report(self, task: str, error: BaseException) -> None:
        """Log that *error* prevents *task*, unless that has been logged since the task last succeeded."""
        text = one_line(error)
        known = self._known.setdefault(task, set())
        if _kind(error) in known:
            self._logger.debug("Still could not %s: %s", task, text)
            return
        known.add(_kind(error))
        self._logger.warning(
            "Could not %s: %s. The worker goes on and tries again.",
            task,
            text,
            exc_info=useful_traceback(error),
        )

    def resolve(self, task: str) -> None:
        """Log that *task* succeeds again, if it did not before."""
        if self._known.pop(task, None):
            self._logger.info("Could %s again.", task)


def useful_traceback(error: BaseException) -> BaseException | None:
    """Return *error* if its traceback shows where to look; that of a transient failure only shows the HTTP client."""
    return None if isinstance(error, NorthflankError) or is_transient(error) else error


def one_line(error: BaseException) -> str:
    """Return *error* in one line."""
    if isinstance(error, httpx.HTTPStatusError):
        response = error.response
        return f"{response.status_code} {response.reason_phrase} from {response.request.url.path}"
    first = str(error).strip().partition("\n")[0]
    if isinstance(error, (NorthflankError, PrefectSignal)):
        return first
    if isinstance(error, httpx.TransportError):
        return f"no answer ({type(error).__name__} {first})".replace(" )", ")")
    if is_transient(error):
        return f"a malformed response ({type(error).__name__}: {first})"
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _kind(error: BaseException) -> object:
    """Return what *error* has in common with the same problem of another job or flow run."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code
    if isinstance(error, NorthflankError):
        return type(error), error.status if isinstance(error, ApiError) else None
    return one_line(error)
