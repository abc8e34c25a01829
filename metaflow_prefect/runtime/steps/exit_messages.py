"""Messages about how a failed task ended."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from pathlib import Path

_FRAME = re.compile(r'\s*File "(?P<file>[^"]+)", line \d+')
_TRACEBACK = "Traceback (most recent call last):"
_LINES = 12


def metaflow_last_line(code: int) -> str:
    """Return the line that Metaflow's own runtime adds to the log of a failed task."""
    if code == -signal.SIGSEGV:
        return "Task failed with a segmentation fault."
    return "Task failed."


def describe(code: int) -> str:
    """Return how a failed task ended, for people."""
    if code == -signal.SIGSEGV:
        return "Task failed with a segmentation fault."
    if code == 0:
        return "Task ended with exit code 0 before its result was stored: it counts as failed."
    if code < 0:
        return f"Task failed: its process was ended by {_signal(-code)}. That is a failure of the system, not of its code."
    return "Task failed."


def last_lines(lines: Sequence[str], metaflow: Path) -> tuple[str, ...]:
    """Return the end of an error output; a traceback begins at the user's own code.

    The frames above it are those of Metaflow's command line, in the folder *metaflow*: they are
    the same for each failure of any step.
    """
    begins = max((n + 1 for n, line in enumerate(lines) if line.strip() == _TRACEBACK), default=0)
    frames = ((n, _FRAME.match(line)) for n, line in enumerate(lines) if n >= begins)
    users = (n for n, frame in frames if frame and metaflow not in Path(frame["file"]).parents)
    return tuple(lines[next(users, 0) :][-_LINES:])


def _signal(number: int) -> str:
    """Return a signal's name and the usual reason for it."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    hint = ", as when memory runs out" if number == signal.SIGKILL else ""
    return f"signal {number} ({name}{hint})"
