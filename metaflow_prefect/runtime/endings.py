"""How a failed task ended, in Metaflow's words and in ours."""

from __future__ import annotations

import signal


def metaflows_last_line(code: int) -> str:
    """Return the line that Metaflow's own runtime adds to the log of a failed task."""
    if code == -signal.SIGSEGV:
        return "Task failed with a segmentation fault."
    return "Task failed."


def in_words(code: int) -> str:
    """Say how a failed task ended, for people."""
    if code == -signal.SIGSEGV:
        return "Task failed with a segmentation fault."
    if code == 0:
        return "Task ended with exit code 0 before its result was stored: it is taken for failed."
    if code < 0:
        return f"Task failed: its process was ended by {_signal(-code)}. That is a failure of the system, not of its code."
    return "Task failed."


def _signal(number: int) -> str:
    """Name a signal and the usual reason for it."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    hint = ", as when memory runs out" if number == signal.SIGKILL else ""
    return f"signal {number} ({name}{hint})"
