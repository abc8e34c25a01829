"""Shows a run's progress at the bottom of a terminal, while log lines scroll above it."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from metaflow_prefect.runtime.progress.model import Progress
from metaflow_prefect.runtime.progress.prefect_log_filter import FailureLine, failure_line
from metaflow_prefect.runtime.progress.terminal_table import View, progress_table, signs

_REFRESHES_PER_SECOND = 4
_OF_A_FAILED_STEP = {
    FailureLine.RETRIED: "failed; it is tried again",
    # A line of the engine says when.
    FailureLine.PUT_OFF: "",
    FailureLine.FAILED: "failed",
    FailureLine.ENDED: "",
}
_OTHER_LINES = 5
"""Rows of the terminal that are not steps: the head, the link, two lines about steps left out, and one line of log."""


def is_wanted() -> bool:
    """Say whether standard error is a terminal that may be drawn on (https://no-color.org)."""
    return (
        sys.stderr.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "dumb") != "dumb"
    )


class TerminalProgress:
    """The progress at the bottom of a terminal, and the log lines above it."""

    def __init__(self, progress: Callable[[], Progress | None], *, waiting: str) -> None:
        """Show what *progress* returns, or *waiting* if that is None."""
        self.link = ""
        self.waiting = waiting
        self._progress = progress
        # Not sys.stderr itself: it is redirected to this console while the progress is shown.
        self._console = Console(stderr=True, highlight=False, emoji=False, markup=False)
        self._signs = signs(self._console.encoding)
        self._is_last = False
        self._live = Live(
            get_renderable=self._render,
            console=self._console,
            refresh_per_second=_REFRESHES_PER_SECOND,
            redirect_stdout=False,
        )

    def line(self, where: str, text: str, moment: float, *, is_warning: bool = False) -> None:
        """Print a log line above the progress."""
        clock = datetime.fromtimestamp(moment).astimezone().strftime("%H:%M:%S")
        shown = Text.assemble((clock, "dim"), " ", (f"{where} " if where else "", "cyan"))
        # What a step prints may have colors.
        shown.append_text(Text.from_ansi(text, style="yellow" if is_warning else ""))
        self._console.print(shown, soft_wrap=True)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the progress until the block ends, then leave its last state."""
        with self._live:
            try:
                yield
            finally:
                self._is_last = True

    def _render(self) -> RenderableType:
        progress = self._progress()
        if progress is None:
            return Text(f"{self._signs.waiting} {self.waiting}", style="dim")
        room = 1000 if self._is_last else max(self._console.height - _OTHER_LINES, 3)
        return progress_table(
            progress, View(now=time.time(), room=room, link=self.link, signs=self._signs)
        )


@contextmanager
def prefect_log_above(terminal: TerminalProgress) -> Iterator[None]:
    """Print Prefect's log lines of this process above the progress, so that they do not break it."""
    from prefect.logging.configuration import setup_logging
    from prefect.logging.handlers import PrefectConsoleHandler

    # Now, because Prefect does it when the flow begins, and would add its handlers again.
    setup_logging()
    logger = logging.getLogger()
    replaced = [item for item in logger.handlers if isinstance(item, PrefectConsoleHandler)]
    ours = LogAboveProgress(terminal)
    for handler in replaced:
        logger.removeHandler(handler)
    if replaced:
        logger.addHandler(ours)
    try:
        yield
    finally:
        logger.removeHandler(ours)
        for handler in replaced:
            logger.addHandler(handler)


class LogAboveProgress(logging.Handler):
    """Prints the lines of steps, and Prefect's own from warnings on; the progress shows the rest."""

    def __init__(self, terminal: TerminalProgress) -> None:
        super().__init__()
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        told = failure_line(record)
        is_warning = told is not None or record.levelno >= logging.WARNING
        if not is_warning and _is_prefects(record):
            return
        try:
            # The step's own lines are above; the progress and the end of the run show the result.
            text = self.format(record) if told is None else _OF_A_FAILED_STEP[told]
            if text and (told is None or _where(record)):
                self._terminal.line(_where(record), text, record.created, is_warning=is_warning)
        except Exception:  # noqa: BLE001  as every logging.Handler: a line never ends the program
            self.handleError(record)


def _where(record: Any) -> str:
    return str(getattr(record, "task_run_name", "") or "")


def _is_prefects(record: logging.LogRecord) -> bool:
    """Say whether Prefect's own code wrote the line, and not a step or this runtime."""
    import prefect

    root = Path(prefect.__file__).parent
    return root in Path(record.pathname).parents
