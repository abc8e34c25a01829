"""How far a run is, as one frozen value, and how events change it; pure."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from metaflow_prefect.runtime.flow.graph import Foreach, Step


class Change(str, Enum):
    """What has just happened to one task."""

    QUEUED = "queued"
    STARTED = "started"
    RETRYING = "retrying"
    DONE = "done"
    REUSED = "reused"
    FAILED = "failed"


class State(str, Enum):
    """What a step or a whole run is doing; `SUSPENDED` is a run's only."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressEvent:
    """One change of one task of *step*, at *moment* (seconds since the epoch).

    *again* is when the task is tried again, if Prefect waits before that.
    """

    step: str
    change: Change
    moment: float
    again: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress:
    """The tasks of one step, counted. `waiting` are those that may run but don't yet.

    `retried` counts attempts that failed and were tried again, `reused` those of `done` that
    another run or an earlier execution had done. `began` and `ended` are seconds since the epoch;
    `ended` is the last task's, and None while one is waiting or running. `again` are the moments, in
    order, at which tasks are tried again.
    """

    name: str
    is_foreach: bool = False
    waiting: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    retried: int = 0
    reused: int = 0
    began: float | None = None
    ended: float | None = None
    again: tuple[float, ...] = ()

    @property
    def total(self) -> int:
        """The number of known tasks; those of a foreach are all known when it begins."""
        return self.waiting + self.running + self.done + self.failed

    @property
    def state(self) -> State:
        """What the step is doing; a failed task shows at once."""
        if self.failed:
            return State.FAILED
        if self.running or (self.waiting and (self.done or self.retried)):
            return State.RUNNING
        return State.DONE if self.done and not self.waiting else State.WAITING

    def shown_state(self, run: State) -> State:
        """Return the state to show: in a run that is over, no step is running."""
        is_idle = run is not State.RUNNING and self.state is State.RUNNING
        return State.WAITING if is_idle else self.state

    def seconds(self, now: float) -> float | None:
        """Return how long the step took, or has been taking; None before its first task."""
        return None if self.began is None else max((self.ended or now) - self.began, 0.0)

    def pause(self, now: float) -> float | None:
        """Return how long it is until the next of its tasks is tried again; None if no task waits for that."""
        return max(self.again[0] - now, 0.0) if self.again else None

    def after(self, event: ProgressEvent) -> StepProgress:
        """Return the step after *event*, which is one of its tasks'."""
        moment = event.moment
        match event.change:
            case Change.QUEUED:
                return dataclasses.replace(self, waiting=self.waiting + 1, ended=None)
            case Change.STARTED:
                began = moment if self.began is None else self.began
                return dataclasses.replace(
                    self,
                    waiting=max(self.waiting - 1, 0),
                    running=self.running + 1,
                    began=began,
                    again=self.again[1:] if self.again and self.again[0] <= moment else self.again,
                )
            case Change.RETRYING:
                return dataclasses.replace(
                    self,
                    running=max(self.running - 1, 0),
                    waiting=self.waiting + 1,
                    retried=self.retried + 1,
                    again=self.again
                    if event.again is None
                    else tuple(sorted((*self.again, event.again))),
                )
            case Change.DONE:
                return self._one_less(moment, done=1)
            case Change.REUSED:
                return self._one_less(moment, done=1, reused=1)
            case Change.FAILED:
                return self._one_less(moment, failed=1)

    def _one_less(
        self, moment: float, *, done: int = 0, failed: int = 0, reused: int = 0
    ) -> StepProgress:
        # A task that Prefect ended before its first line was waiting, not running.
        running = max(self.running - 1, 0)
        waiting = self.waiting if self.running else max(self.waiting - 1, 0)
        return dataclasses.replace(
            self,
            running=running,
            waiting=waiting,
            done=self.done + done,
            failed=self.failed + failed,
            reused=self.reused + reused,
            ended=moment if running == waiting == 0 else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A run: its Metaflow id, its steps in the order of the graph, and when it began and ended.

    `failure` is the message of the first error, empty unless the run has failed.
    """

    flow: str
    run_id: str
    steps: tuple[StepProgress, ...]
    began: float
    ended: float | None = None
    state: State = State.RUNNING
    failure: str = ""

    @property
    def is_over(self) -> bool:
        """Whether this execution has ended."""
        return self.state is not State.RUNNING

    def seconds(self, now: float) -> float:
        """Return how long the run took, or has been taking."""
        return max((self.ended or now) - self.began, 0.0)

    def after(self, event: ProgressEvent) -> Progress:
        """Return the run after *event*."""
        steps = tuple(step.after(event) if step.name == event.step else step for step in self.steps)
        return dataclasses.replace(self, steps=steps)

    def finished(self, state: State, moment: float, failure: str = "") -> Progress:
        """Return the run after its end."""
        return dataclasses.replace(self, state=state, ended=moment, failure=failure)


def begin(flow: str, run_id: str, steps: Iterable[Step], moment: float) -> Progress:
    """Return the progress of a run that has just begun."""
    listed = tuple(steps)
    widened = {step.then.step for step in listed if isinstance(step.then, Foreach)}
    return Progress(
        flow=flow,
        run_id=run_id,
        steps=tuple(
            StepProgress(name=step.name, is_foreach=step.name in widened) for step in listed
        ),
        began=moment,
    )


def dumps(progress: Progress) -> str:
    """Return *progress* as JSON, for commands that follow the run from another process."""
    return json.dumps(dataclasses.asdict(progress), separators=(",", ":"))


def loads(text: str) -> Progress | None:
    """Return what `dumps` wrote, or None where another version of this package wrote it."""
    try:
        data: dict[str, Any] = json.loads(text)
        steps = tuple(
            StepProgress(**{**step, "again": tuple(step["again"])}) for step in data.pop("steps")
        )
        return Progress(steps=steps, state=State(data.pop("state")), **data)
    except (ValueError, TypeError, KeyError):
        return None
