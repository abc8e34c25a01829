"""With which code the task's process ends, from what its container has left: pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from metaflow_northflank.attempt import ContainerExit

FAILED = 1
_SIGNALED = 128
_SEGMENTATION_FAULT = _SIGNALED + signal.SIGSEGV


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The exit code of the task's process, and what it says before, if anything."""

    code: int
    words: str = ""


def outcome(ended: ContainerExit | None, *, succeeded: bool, reason: str) -> Outcome:  # noqa: PLR0911  a sentence for each end
    """Return how a task ends: *ended* is what its container has recorded, *reason* why Northflank says it is over.

    Metaflow's own word, that the attempt is complete and well, counts more than the container's.
    """
    if succeeded and (ended is None or ended.code == 0):
        return Outcome(code=0)
    if ended is None:
        return Outcome(code=FAILED, words=f"The task's container is lost: {reason}.")
    if ended.code == 0:
        return Outcome(
            code=FAILED, words="The step's process ended before Metaflow had saved what it did."
        )
    if ended.reason:
        return Outcome(code=ended.code, words=f"The step was ended: {ended.reason}.")
    if ended.code == _SEGMENTATION_FAULT:
        return Outcome(code=ended.code, words="Task failed with a segmentation fault.")
    if ended.code == _SIGNALED + signal.SIGKILL:
        return Outcome(code=ended.code, words=f"The step's process was killed{_because(reason)}.")
    return Outcome(code=ended.code)


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
