"""Which lines of a container's output Prefect already has: those that its flow and task run loggers wrote. Pure."""

from __future__ import annotations

import re

_LOGGED = re.compile(r"^\d\d:\d\d:\d\d\.\d{3} \| [A-Z]+\s*\| ")
_SENT = re.compile(r"^\d\d:\d\d:\d\d\.\d{3} \| [A-Z]+\s*\| (Flow|Task) run '")
_TRACEBACK = "Traceback (most recent call last):"


class NewLineFilter:
    """Tells, line by line, which lines the flow run's log does not have yet.

    Prefect sends the console lines of flow and task runs, and the traceback right below one, to its API as well; what the
    flow prints, and what Prefect logs when it starts, it does not.
    """

    def __init__(self) -> None:
        self._below_sent = False
        self._in_traceback = False

    def is_new(self, line: str) -> bool:
        """Return whether *line* is missing in the flow run's log."""
        if _LOGGED.match(line):
            self._below_sent = bool(_SENT.match(line))
            self._in_traceback = False
            return not self._below_sent
        if self._below_sent and line.startswith(_TRACEBACK):
            self._in_traceback = True
        elif self._in_traceback and line and not line[0].isspace():
            # The last line of a traceback, `ValueError: …`, is the first that is not indented.
            self._in_traceback = False
            self._below_sent = False
            return False
        return bool(line.strip()) and not self._in_traceback
