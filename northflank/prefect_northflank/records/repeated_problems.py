"""What a loop meets again and again: said once, and once more when it has passed; it does not end the loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.exceptions import PrefectSignal

from prefect_northflank.errors import ApiError, NorthflankError
from prefect_northflank.records.prefect_retry import Log, is_transient


class RepeatedProblems:
    """The troubles of one worker, each known by what it kept from being done."""

    def __init__(self, logger: Log) -> None:
        self._logger = logger
        self._known: dict[str, set[object]] = {}

    @contextmanager
    def survive(self, task: str) -> Iterator[None]:
        """Let no error leave the block; *task* says what the block does ("ask Prefect for flow runs")."""
        try:
            yield
        # Also a signal of Prefect's, which is no Exception: whatever it is, the worker's other flow runs go on.
        except (Exception, PrefectSignal) as error:  # noqa: BLE001 (as above)
            self.report(task, error)
        else:
            self.passed(task)

    def report(self, task: str, error: BaseException) -> None:
        """Say that *error* keeps the worker from *task*, unless that has been said since it last succeeded."""
        words = in_words(error)
        known = self._known.setdefault(task, set())
        if _kind(error) in known:
            self._logger.debug("Still could not %s: %s", task, words)
            return
        known.add(_kind(error))
        self._logger.warning(
            "Could not %s: %s. The worker goes on and tries again.",
            task,
            words,
            exc_info=useful_traceback(error),
        )

    def passed(self, task: str) -> None:
        """Say that *task* succeeds again, if it has not."""
        if self._known.pop(task, None):
            self._logger.info("Could %s again.", task)


def useful_traceback(error: BaseException) -> BaseException | None:
    """Return *error* if its traceback shows where to look; that of what passes is the HTTP client's."""
    return None if isinstance(error, NorthflankError) or is_transient(error) else error


def in_words(error: BaseException) -> str:
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
        return f"an answer that makes no sense ({type(error).__name__}: {first})"
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _kind(error: BaseException) -> object:
    """Return what makes *error* the same as another one: the same answer about another job or flow run is no news."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code
    if isinstance(error, NorthflankError):
        return type(error), error.status if isinstance(error, ApiError) else None
    return in_words(error)
