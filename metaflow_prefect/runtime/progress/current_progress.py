"""The progress of the run that is going on: the threads of its tasks write it, those that show or post it read it."""

from __future__ import annotations

import threading
import time

from metaflow_prefect.runtime.flow.graph import Step
from metaflow_prefect.runtime.progress import model
from metaflow_prefect.runtime.progress.model import Change, Progress, ProgressEvent, State


class CurrentProgress:
    """Holds one `Progress`; None until the run has begun."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._progress: Progress | None = None

    @property
    def value(self) -> Progress | None:
        """How far the run is."""
        return self._progress

    def begin(self, flow: str, run_id: str, steps: tuple[Step, ...]) -> None:
        """Set the progress of a run that has just begun."""
        with self._lock:
            self._progress = model.begin(flow, run_id, steps, time.time())

    def record(self, step: str, change: Change, pause_seconds: float = 0) -> None:
        """Record what happened to a task of *step*, and how long it waits before it is tried again."""
        moment = time.time()
        again = moment + pause_seconds if pause_seconds else None
        event = ProgressEvent(step=step, change=change, moment=moment, again=again)
        with self._lock:
            if self._progress is not None:
                self._progress = self._progress.after(event)

    def finish(self, state: State, failure: str = "") -> None:
        """Record the run's end, and its first error."""
        with self._lock:
            if self._progress is not None:
                self._progress = self._progress.finished(state, time.time(), failure)
