"""Which failures of Prefect's server and of the datastore pass by themselves."""

from __future__ import annotations

from collections import Counter
from typing import Any

_REFUSED = range(400, 500)
_TRANSIENT = frozenset({408, 409, 425, 429})
"""Status codes with which Prefect's server refuses a request for good, and those of them that may pass."""

_MOST_FAILURES = 5
"""How often in a row something is tried that fails although everybody answered; tries are 2 to 10 seconds apart.

The datastore's own client has repeated a request several times before it fails.
"""


def is_refusal(error: BaseException) -> bool:
    """Say whether Prefect's server refuses the request, and will again."""
    status = _status(error)
    return status in _REFUSED and status not in _TRANSIENT


def is_away(error: BaseException) -> bool:
    """Say whether a server did not answer, or could not at the moment: that may take as long as it likes."""
    import httpx

    if isinstance(error, (httpx.TransportError, ConnectionError, TimeoutError)):
        return True
    status = _status(error)
    return bool(status) and not is_refusal(error)


def _status(error: BaseException) -> int:
    from prefect.exceptions import PrefectHTTPStatusError

    return error.response.status_code if isinstance(error, PrefectHTTPStatusError) else 0


class Failures:
    """Counts what failed in a row, by what was tried."""

    def __init__(self) -> None:
        self._in_a_row: Counter[Any] = Counter()

    def passed(self, what: Any) -> None:
        """Record that *what* has worked."""
        self._in_a_row.pop(what, None)

    def is_hopeless(self, what: Any, error: BaseException) -> bool:
        """Record that *what* has failed with *error*, and say whether to stop trying."""
        if is_away(error):
            return False
        self._in_a_row[what] += 1
        return self._in_a_row[what] >= _MOST_FAILURES
