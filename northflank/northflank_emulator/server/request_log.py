"""The requests an emulator received, kept for assertions and written to the access log."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from northflank_emulator.fields.schema import Json, JsonObject
from northflank_emulator.state.clock import iso

_log = logging.getLogger("northflank_emulator.access")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """A request and its answer.

    Args:
        operation: the name of the route (`start.job.run`), "" if none matched.
        headers: by lower-case names, without the token.
        body: the JSON that was sent, or None.
        status: the status code of the answer; 0 if the connection was dropped.
        faults: the kinds of faults that struck.
        committed: whether the request took effect.
    """

    number: int
    at: datetime
    operation: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: Json
    status: int
    faults: tuple[str, ...]
    committed: bool
    seconds: float

    def document(self) -> JsonObject:
        """Return the request as the control endpoint shows it."""
        return {
            **asdict(self),
            "at": iso(self.at),
            "query": [list(pair) for pair in self.query],
            "headers": dict(self.headers),
            "faults": list(self.faults),
        }


class RequestLog:
    """The latest requests, up to a limit."""

    def __init__(self, most: int) -> None:
        self._kept: deque[RecordedRequest] = deque(maxlen=most)
        self._number = 0

    def next_number(self) -> int:
        """Return the number of the next request."""
        self._number += 1
        return self._number

    def add(self, request: RecordedRequest) -> None:
        """Keep *request* and log it; bodies, which may hold secrets, are not logged."""
        self._kept.append(request)
        line = {
            "at": iso(request.at),
            "method": request.method,
            "path": request.path,
            "operation": request.operation,
            "status": request.status,
            "ms": round(request.seconds * 1000, 1),
            "client": request.headers.get("user-agent", ""),
            **({"faults": request.faults} if request.faults else {}),
        }
        _log.info("%s", json.dumps(line))

    def all(self) -> tuple[RecordedRequest, ...]:
        """Return the recorded requests, oldest first."""
        return tuple(self._kept)

    def clear(self) -> None:
        """Forget the recorded requests."""
        self._kept.clear()
