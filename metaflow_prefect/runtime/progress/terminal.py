"""Showing a run's progress in a terminal while it goes on, its log lines scrolling above."""

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
from metaflow_prefect.runtime.progress.terminal_table import View, picture, signs

_REFRESHES_PER_SECOND = 4
_OF_A_FAILED_STEP = {
    FailureLine.RETRIED: "failed; it is tried again",
    # Our own line says when.
    FailureLine.PUT_OFF: "",
    FailureLine.FAILED: "failed",
    FailureLine.ENDED: "",
}
_OTHER_LINES = 5
"""Rows of the terminal that are not steps: the head, the link, what is left out, and one line of log."""


def is_wanted() -> bool:
    """Say whether standard error is a terminal that may be drawn on (https://no-color.org)."""
    return (
        sys.stderr.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "dumb") != "dumb"
    )


class TerminalProgress:
    """The picture at the bottom of a terminal, and the lines above it."""

    def __init__(self, progress: Callable[[], Progress | None], *, waiting: str) -> None:
        """Show what *progress* returns; *waiting* in its place where that is None."""
        self.link = ""
        self.waiting = waiting
        self._progress = progress
        # Not sys.stderr itself: that one is redirected to here while the picture is shown.
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
        """Print a line of log above the picture."""
        clock = datetime.fromtimestamp(moment).astimezone().strftime("%H:%M:%S")
        shown = Text.assemble((clock, "dim"), " ", (f"{where} " if where else "", "cyan"))
        # What a step prints may carry its own colors.
        shown.append_text(Text.from_ansi(text, style="yellow" if is_warning else ""))
        self._console.print(shown, soft_wrap=True)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the picture until the block ends, then leave its last state."""
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
        return picture(
            progress, View(now=time.time(), room=room, link=self.link, signs=self._signs)
        )


@contextmanager
def prefect_log_above(screen: TerminalProgress) -> Iterator[None]:
    """Let what Prefect prints in this process appear above the picture instead of through it."""
    from prefect.logging.configuration import setup_logging
    from prefect.logging.handlers import PrefectConsoleHandler

    # Prefect does it when the flow begins, which would bring its handlers back.
    setup_logging()
    logger = logging.getLogger()
    replaced = [item for item in logger.handlers if isinstance(item, PrefectConsoleHandler)]
    ours = LogAboveProgress(screen)
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
    """Prints the lines of steps, and Prefect's own from warnings on: the rest the picture shows."""

    def __init__(self, screen: TerminalProgress) -> None:
        super().__init__()
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        told = failure_line(record)
        is_warning = told is not None or record.levelno >= logging.WARNING
        if not is_warning and _is_prefects(record):
            return
        try:
            # Its own lines are above, and what became of it is in the picture and at the end.
            text = self.format(record) if told is None else _OF_A_FAILED_STEP[told]
            if text and (told is None or _where(record)):
                self._screen.line(_where(record), text, record.created, is_warning=is_warning)
        except Exception:  # noqa: BLE001  as every logging.Handler: a line never ends the program
            self.handleError(record)


def _where(record: Any) -> str:
    return str(getattr(record, "task_run_name", "") or "")


def _is_prefects(record: logging.LogRecord) -> bool:
    """Say whether Prefect's own code has written the line, not a step or our runtime."""
    import prefect

    root = Path(prefect.__file__).parent
    return root in Path(record.pathname).parents
