"""What a command tells the user while it works: progress, warnings, and what it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

import click

LINE_SECONDS = 10
"""How often a wait is shown where lines stay: in a log, a pipe, a container."""
REDRAW_SECONDS = 1
"""How often it is shown where one line can be rewritten: on a terminal."""
CLEAR_LINE = "\r\x1b[K"


@dataclass(slots=True)
class _Wait:
    what: str
    since: float
    told: float


class Console:
    """Writes to *stream*; *live* shows a wait as one line that counts the seconds."""

    def __init__(
        self,
        stream: TextIO,
        *,
        quiet: bool = False,
        live: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._quiet = quiet
        self._live = live
        self._clock = clock
        self._wait: _Wait | None = None

    def say(self, text: str) -> None:
        """Report progress."""
        self.rest()
        if not self._quiet:
            click.echo(text, file=self._stream)

    def warn(self, text: str) -> None:
        """Print a warning, also if quiet."""
        self.rest()
        click.secho(f"WARNING: {text}", file=self._stream, fg="yellow")

    def wait(self, what: str) -> None:
        """Show what the command waits for; called repeatedly while the wait lasts."""
        now = self._clock()
        if self._wait is None or self._wait.what != what:
            self.rest()
            self._wait = _Wait(what, since=now, told=now)
            self._tell(f"waiting for {what}")
        elif now - self._wait.told >= (REDRAW_SECONDS if self._live else LINE_SECONDS):
            self._wait.told = now
            self._tell(f"waiting for {what} ({now - self._wait.since:.0f} s)")

    def rest(self) -> None:
        """End the wait and its unfinished line."""
        if self._wait is not None and self._live:
            self._write(CLEAR_LINE)
        self._wait = None

    def _tell(self, text: str) -> None:
        self._write(f"{CLEAR_LINE}{text}" if self._live else f"{text}\n")

    def _write(self, text: str) -> None:
        # Not with `echo`, which strips control sequences.
        if not self._quiet:
            self._stream.write(text)
            self._stream.flush()
