"""How much of a container's output is copied to its flow run's log, and the note about the rest. Pure.

A container may write faster than Prefect's server can store, and a worker copies the output of up to a hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from prefect_northflank.api.responses import LogLine
from prefect_northflank.records.infrastructure_pid import InfrastructurePid

LONGEST_LINE = 8_000
"""Characters of a line that are copied."""

LINES_AT_ONCE, CHARACTERS_AT_ONCE = 1_000, 500_000
"""What one container may write at once; lines and characters draw on one allowance."""

SECONDS_TO_REFILL = 200.0
"""The time after which it may do so again: five lines or 2.5 kB a second."""

CONTAINERS_AT_FULL_RATE = 10
"""How many containers of one worker can write that much at the same time."""

REOPENS_AT = 0.1
"""The share that a spent allowance must regain first: then a hundred lines come at once instead of one now and then."""


class CopyAllowance:
    """The output that may be copied now; it refills as time passes."""

    def __init__(self, *, containers: int = 1, clock: Callable[[], float] = monotonic) -> None:
        self._containers = containers
        self._clock = clock
        self._level = 1.0
        self._at = clock()
        self._open = True

    def has_room(self) -> bool:
        """Return whether another line may be copied."""
        now = self._clock()
        self._level = min(1.0, self._level + (now - self._at) / SECONDS_TO_REFILL)
        self._at = now
        self._open = self._level > 0 if self._open else self._level >= REOPENS_AT
        return self._open

    def spend(self, characters: int) -> None:
        """Count a line that is copied."""
        share = 1 / LINES_AT_ONCE + characters / CHARACTERS_AT_ONCE
        self._level -= share / self._containers


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line as the program wrote it, cut at the longest length that is copied."""

    text: str
    cut: int = 0
    """Characters that are left out."""


class WholeLines:
    """Joins lines that the container runtime has split, which it does after 16 kB."""

    def __init__(self) -> None:
        self._begun: dict[str, Line] = {}

    def add(self, part: LogLine) -> Line | None:
        """Return the line that *part* completes."""
        before = self._begun.pop(part.stream, Line(text=""))
        text = before.text + part.text[: LONGEST_LINE - len(before.text)]
        cut = before.cut + len(part.text) - (len(text) - len(before.text))
        line = Line(text=text, cut=cut)
        if not part.continues:
            return line
        self._begun[part.stream] = line
        return None


class Excerpt:
    """Chooses, line by line, what of one container's output is copied to its flow run's log."""

    def __init__(
        self, pid: InfrastructurePid, *, own: CopyAllowance, shared: CopyAllowance
    ) -> None:
        self._full_log = f"Northflank's log of job run {pid.run} (job {pid.job}) is complete"
        self._allowances = (own, shared)
        self._lines = 0
        self._characters = 0

    def of(self, line: Line) -> Sequence[str]:
        """Return what to write now: nothing, the line, or a note about left-out lines and the line."""
        if not all(allowance.has_room() for allowance in self._allowances):
            self._lines += 1
            self._characters += len(line.text) + line.cut
            return ()
        for allowance in self._allowances:
            allowance.spend(len(line.text))
        more = f" … ({line.cut:,} more characters: {self._full_log})" if line.cut else ""
        return (*self.left_out(), line.text + more)

    def left_out(self) -> Sequence[str]:
        """Return the note about what has been left out since the last note, if anything was."""
        if not self._lines:
            return ()
        left_out = f"{self._lines:,} lines ({self._characters:,} characters) are left out here"
        self._lines = self._characters = 0
        return (f"{left_out}: the container wrote more than a worker copies. {self._full_log}.",)
