"""The interface of every executor: how one command is executed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Stream(str, Enum):
    """The two output streams of a task."""

    STDOUT = "stdout"
    STDERR = "stderr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A process to run: its words, its whole environment, its name in messages, and how long it may take.

    Its working directory is `folder`, or that of this process if None.

    The words define the result: an executor that starts no such process must have the same
    effect as the process.
    """

    words: Sequence[str]
    environment: Mapping[str, str]
    folder: str | None = None
    name: str = ""
    limit_seconds: float | None = None


OnLine = Callable[[Stream, bytes], object]
"""Is called with each line; what it returns is not used."""


class StepExecutor(Protocol):
    """Executes commands, several at a time, each called from its own thread."""

    def run(self, command: Command, on_line: OnLine) -> int:
        """Execute *command* to its end and return its exit code, negative for a signal.

        `on_line` is called in the calling thread, once per line, with the line's end if it has one.
        A command that exceeds its limit gets a line about that on its error stream, and is ended.
        If the call is interrupted by an exception, the command's whole process group is ended first.
        """
        ...

    def stop(self) -> None:
        """End every running command and its children; later calls of `run` do nothing and return -15."""
        ...
