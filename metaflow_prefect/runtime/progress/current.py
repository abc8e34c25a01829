"""The progress of the run that is going on: told by its tasks' threads, read by whoever shows it."""

from __future__ import annotations

import threading
import time

from metaflow_prefect.runtime.flow.graph import Step
from metaflow_prefect.runtime.progress import model
from metaflow_prefect.runtime.progress.model import Change, Event, Progress, State


class Board:
    """Holds one `Progress`; None until the run has begun."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._progress: Progress | None = None

    @property
    def progress(self) -> Progress | None:
        """How far the run is."""
        return self._progress

    def begin(self, flow: str, run_id: str, steps: tuple[Step, ...]) -> None:
        """Begin anew."""
        with self._lock:
            self._progress = model.begin(flow, run_id, steps, time.time())

    def tell(self, step: str, change: Change, pause_seconds: float = 0) -> None:
        """Take note of what happened to a task of *step*, and of how long it waits until it is tried again."""
        moment = time.time()
        again = moment + pause_seconds if pause_seconds else None
        event = Event(step=step, change=change, moment=moment, again=again)
        with self._lock:
            if self._progress is not None:
                self._progress = self._progress.after(event)

    def finish(self, state: State, failure: str = "") -> None:
        """Take note of the run's end, and of its first error."""
        with self._lock:
            if self._progress is not None:
                self._progress = self._progress.finished(state, time.time(), failure)
