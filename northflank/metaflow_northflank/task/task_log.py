"""Shows what a task writes in its container while it writes it, from the datastore."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any


class TaskLog:
    """The output of one attempt."""

    def __init__(self, task_datastore: Any, echo: Callable[..., None]) -> None:
        from metaflow.mflog import TASK_LOG_SOURCE, get_log_tailer

        self._echo = echo
        self._tails = [
            (
                get_log_tailer(
                    task_datastore.get_log_location(TASK_LOG_SOURCE, stream), task_datastore.TYPE
                ),
                stream,
            )
            for stream in ("stdout", "stderr")
        ]

    def show(self) -> None:
        """Show what has been written since the last time."""
        from metaflow.mflog import refine

        for tail, stream in self._tails:
            # Storage clients raise anything; what could not be read now comes with the next look.
            with suppress(Exception):
                for line in tail:
                    text = refine(line).strip().decode("utf-8", errors="replace")
                    self._echo(text, err=stream == "stderr", no_bold=True)
