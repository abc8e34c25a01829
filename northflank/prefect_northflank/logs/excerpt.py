"""How much of a container's output goes to its flow run's log, and what is said about the rest. Pure.

A container may write faster than Prefect's server can store, and a worker copies what up to a hundred of them write.
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
"""What one container may write at once (each alone; they share one allowance)."""

SECONDS_TO_REFILL = 200.0
"""After which it may do so again: five lines or 2.5 kB a second."""

CONTAINERS_AT_FULL_RATE = 10
"""How many containers of one worker can write that much at the same time."""

REOPENS_AT = 0.1
"""Share that an allowance which was used up must regain: a hundred lines at once instead of one now and then."""


class CopyAllowance:
    """What may be copied now. It refills as time passes."""

    def __init__(self, *, containers: int = 1, clock: Callable[[], float] = monotonic) -> None:
        self._containers = containers
        self._clock = clock
        self._level = 1.0
        self._at = clock()
        self._open = True

    def has_room(self) -> bool:
        """Whether another line may be copied."""
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
    """A line as the program wrote it, without what goes beyond the longest."""

    text: str
    cut: int = 0
    """Characters that are left out."""


class WholeLines:
    """Puts lines together that the container runtime has split, which it does after 16 kB."""

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
    """Says, line by line, what of one container's output is written to its flow run's log."""

    def __init__(
        self, pid: InfrastructurePid, *, own: CopyAllowance, shared: CopyAllowance
    ) -> None:
        self._all_of_it = f"Northflank's log of job run {pid.run} (job {pid.job}) has all of it"
        self._allowances = (own, shared)
        self._lines = 0
        self._characters = 0

    def of(self, line: Line) -> Sequence[str]:
        """Return what to write now: nothing, the line, or what was left out before it and the line."""
        if not all(allowance.has_room() for allowance in self._allowances):
            self._lines += 1
            self._characters += len(line.text) + line.cut
            return ()
        for allowance in self._allowances:
            allowance.spend(len(line.text))
        more = f" … ({line.cut:,} more characters: {self._all_of_it})" if line.cut else ""
        return (*self.left_out(), line.text + more)

    def left_out(self) -> Sequence[str]:
        """Return the sentence about what has been left out since the last one, if anything was."""
        if not self._lines:
            return ()
        said = f"{self._lines:,} lines ({self._characters:,} characters) are left out here"
        self._lines = self._characters = 0
        return (f"{said}: the container wrote more than a worker copies. {self._all_of_it}.",)
