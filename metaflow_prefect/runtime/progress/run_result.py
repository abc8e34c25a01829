"""How a run ended, with Metaflow's words for its status and as JSON for scripts; pure except `conclude`."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING, Any

from metaflow_prefect import names
from metaflow_prefect.errors import StepFailed

if TYPE_CHECKING:
    from metaflow_prefect.runtime.progress.model import Progress

_PREFECTS_WORDS = f"Flow run encountered an exception: {StepFailed.__name__}: "


class RunStatus(str, Enum):
    """The status of a run, in the words of Metaflow's own deployers."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self not in (RunStatus.PENDING, RunStatus.RUNNING)


def status(state_type: str, state_name: str) -> RunStatus:
    """Return the status for Prefect's state.

    A suspended run counts as running, as under Argo: it has begun, and is not over.

    >>> status("RUNNING", "Retrying").value, status("FAILED", "TimedOut").value
    ('RUNNING', 'TIMED_OUT')

    Raises:
        ValueError: Prefect has a type of state that this version does not know.
    """
    match state_type:
        case "SCHEDULED" | "PENDING":
            return RunStatus.PENDING
        case "RUNNING" | "PAUSED" | "CANCELLING":
            return RunStatus.RUNNING
        case "COMPLETED":
            return RunStatus.SUCCEEDED
        case "FAILED" if state_name == "TimedOut":
            return RunStatus.TIMED_OUT
        case "FAILED" | "CRASHED":
            return RunStatus.FAILED
        case "CANCELLED":
            return RunStatus.ABORTED
        case unknown:
            message = f"Prefect has an unknown type of state {unknown!r}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run in this process ended.

    `name`, `url` and `progress` are missing where the run failed before its first step; `url` also
    where the server ends with the run. `state` is Prefect's name of the last state.
    """

    flow: str
    flow_run_id: str
    status: RunStatus
    state: str
    message: str
    name: str | None = None
    url: str | None = None
    progress: Progress | None = None

    def summary(self) -> dict[str, Any]:
        """Return the JSON for scripts: the keys of a deployment's run (`trigger --json`), and the steps."""
        progress = self.progress
        return {
            "run": f"{self.flow}/{names.run_id(self.flow_run_id)}",
            "name": self.name,
            "status": self.status.value,
            "state": self.state,
            "message": self.message,
            "start": None if progress is None else _moment(progress.began),
            "end": None if progress is None else _moment(progress.ended),
            "url": self.url,
            "steps": steps(progress),
        }


def steps(progress: Progress | None) -> list[dict[str, Any]]:
    """Return the steps in the order of the graph, with their tasks counted, as JSON-able data."""
    if progress is None:
        return []
    now = progress.began if progress.ended is None else progress.ended
    return [
        {
            "step": step.name,
            "state": step.shown_state(progress.state).value,
            "tasks": step.total,
            "done": step.done,
            "failed": step.failed,
            "retried": step.retried,
            "reused": step.reused,
            "seconds": None if (took := step.seconds(now)) is None else round(took, 3),
        }
        for step in progress.steps
    ]


def conclude(result: RunResult, *, is_json: bool, fix: str = "") -> None:
    """Print how the run ended; exit with code 1 if it did not succeed.

    JSON goes to standard output, text to standard error. For a run that succeeded there is no text; for one
    that failed *fix* says what to do.
    """
    if is_json:
        sys.stdout.write(json.dumps(result.summary(), indent=2) + "\n")
        sys.stdout.flush()
    if result.status is RunStatus.SUCCEEDED:
        return
    ending = "failed" if result.status.is_over else f"is {result.state.lower()}"
    why = result.message.removeprefix(_PREFECTS_WORDS)
    sys.stderr.write(f"{result.flow} {ending}: {why}\n" + (f"Fix: {fix}\n" if fix else ""))
    sys.exit(1)


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc).isoformat()
