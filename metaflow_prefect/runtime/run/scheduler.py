"""The loop between the dispatcher and Prefect's task runner: submits the tasks that may run, and processes their ends."""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Protocol
from uuid import UUID

from metaflow_prefect.errors import StepFailed
from metaflow_prefect.runtime.flow.dispatcher import Launch, TaskPlace, TaskReport
from metaflow_prefect.runtime.flow.graph import Step
from metaflow_prefect.runtime.progress.in_words import duration
from metaflow_prefect.runtime.progress.model import Change
from metaflow_prefect.runtime.run.admission import AdmissionQueue, Capacity, Request
from metaflow_prefect.runtime.run.recording_lag import RecordingLag
from metaflow_prefect.runtime.run.session import Session
from metaflow_prefect.runtime.run.suspension import Suspension
from metaflow_prefect.runtime.run.task_state import TaskState
from metaflow_prefect.runtime.step_containers.container_pool import (
    Began,
    ContainerPool,
    Dropped,
    News,
    Progressed,
    Requeued,
    TaskEnded,
)
from metaflow_prefect.runtime.step_containers.node import ContainerNode

_MAX_EDGES = 50
"""Edges drawn into one task run: Prefect's graph query grows with their square behind a wide join."""

_FAILURE_GRACE_SECONDS = 5.0
"""What running tasks get to finish when another one failed (`NativeRuntime._killall`)."""

_LAG_PAUSE_SECONDS = 0.2
"""How long a run that is ahead of the server waits before it looks again whether it still is."""

_REMINDER_SECONDS = 30.0
"""How long a run that waits for an attempt to begin stays silent; then twice as long, and so on."""


class Plan(Protocol):
    """Which tasks follow when one is done: all of a flow's, or the tasks of one slice."""

    @property
    def is_complete(self) -> bool:
        """Whether the last task is done."""

    def finished(self, place: TaskPlace, report: TaskReport) -> list[Launch]:
        """Record that the task at *place* is done and return what may run because of it."""


class Scheduler:
    """Owns the state of every task of one execution; lives in the flow's own thread."""

    def __init__(
        self,
        session: Session,
        workers: int,
        capacity: Capacity,
        suspension: Suspension,
        plan: Plan,
        lag: RecordingLag,
    ) -> None:
        self._session = session
        self._progress = session.options.progress
        self._workers = workers
        self._suspension = suspension
        self._plan = plan
        self._lag = lag
        self._steps = session.steps
        self._containers: ContainerPool | None = None
        limit = session.settings.retry_delay_limit
        self._prefect_tasks = {
            step.name: _prefect_task(step, limit, self._may_be_retried)
            for step in session.steps.values()
        }
        self._tasks: dict[str, TaskState] = {}
        self._ready = AdmissionQueue(
            capacity,
            {step.name: Request.of(step.task.tags) for step in session.steps.values()},
            session.say,
        )
        self._running: set[str] = set()
        self._elsewhere: dict[str, TaskState] = {}
        self._counted: Counter[str] = Counter()
        self._finished: queue.SimpleQueue[str | News] = queue.SimpleQueue()
        self._failed: list[TaskState] = []

    @property
    def task_runs(self) -> int:
        """How many task runs were submitted."""
        return len(self._tasks)

    def retry_delay(self, step: str) -> float:
        """Return how long Prefect waits, in seconds, before it tries a task of *step* again."""
        seconds: float = self._prefect_tasks[step].retry_delay_seconds
        return seconds

    def task(self, label: str) -> TaskState:
        """Return the state of a submitted task."""
        return self._tasks[label]

    def use_containers(self, containers: ContainerPool) -> None:
        """Run the tasks of steps with @northflank in *containers*, which report to `receive`."""
        self._containers = containers

    def receive(self, news: News) -> None:
        """Take what *containers* report, from their thread."""
        self._finished.put(news)

    def give_up(self) -> None:
        """End all tasks, from any thread: none of them is tried again."""
        self._ready.clear()
        for task in list(self._tasks.values()):
            task.is_final = True
        self._session.close()

    def nodes(self, launches: tuple[Launch, ...]) -> list[UUID]:
        """Return the runs on Prefect's server from which the edges to these tasks come."""
        parents = (parent.label for launch in launches for parent in launch.parents)
        starts = edge_starts(self._tasks[label].future for label in dict.fromkeys(parents))
        return [start.task_run_id for start in starts]

    def run(self, first: list[Launch]) -> None:
        """Run *first* and what follows, until no task is left.

        Raises:
            Pause: the flow run was suspended, and the tasks that were running are done.
            StepFailed: a task failed for good; the others were given a moment, then ended.
        """
        self._queue(first)
        while self._ready or self._running or self._elsewhere:
            suspended = self._suspension.state() if self._ready or self._elsewhere else None
            if suspended is not None:
                self._stop_for_now(suspended)
            self._submit_what_fits()
            self._settle(self._next_finished())
            if self._failed:
                self._wind_down()
        if not self._plan.is_complete:
            message = "The flow stopped before its last step: a join did not get all of its inputs."
            raise StepFailed(
                message, fix="see in the run's graph which branch has not reached the join"
            )

    def _stop_for_now(self, state: Any) -> None:
        """Let running tasks finish and leave the rest to a later execution of this flow run.

        Raises:
            Pause: always, unless one of those tasks fails.
        """
        from prefect.exceptions import Pause

        if self._containers is not None:
            self._containers.hold()
        while self._running or self._elsewhere:
            self._settle(self._finished.get())
        if not self._failed:
            raise Pause(state=state)
        self._wind_down()

    def _next_finished(self) -> str | News:
        """Wait for the next task that ends; log now and then which retry the run waits for, if nothing else runs."""
        patience = _REMINDER_SECONDS
        while (label := self._finished_within(patience)) is None:
            if self._log_the_next_retry():
                patience *= 2
        return label

    def _finished_within(self, seconds: float) -> str | News | None:
        try:
            return self._finished.get(timeout=seconds)
        except queue.Empty:
            return None

    def _log_the_next_retry(self) -> bool:
        """Log which task is tried again next, unless a task runs; return whether a line was written."""
        progress = self._progress.value
        steps = () if progress is None else progress.steps
        now = time.time()
        pauses = [(seconds, step.name) for step in steps if (seconds := step.pause(now))]
        if not pauses or any(step.running for step in steps):
            return False
        seconds, name = min(pauses)
        self._session.say(f"{name} is tried again in {duration(seconds)}.")
        return True

    def _submit_what_fits(self) -> None:
        while len(self._running) < self._workers and (launch := self._next_ready()) is not None:
            # The task's thread looks it up as soon as it runs.
            task = self._tasks[launch.place.label]
            # The parents are all done: this only draws the edges of Prefect's graph.
            starts = edge_starts(self._tasks[parent.label].future for parent in launch.parents)
            edges = [start.edge if isinstance(start, ContainerNode) else start for start in starts]
            prefect_task = self._prefect_tasks[launch.place.step]
            task.future = prefect_task.submit(task.label, wait_for=edges or None)
            self._running.add(task.label)
            task.future.add_done_callback(lambda _, label=task.label: self._finished.put(label))

    def _next_ready(self) -> Launch | None:
        """Return a task that fits, after the server has recorded most of those that have ended."""
        while self._ready and self._lag.is_too_long():
            time.sleep(_LAG_PAUSE_SECONDS)
        return self._ready.take()

    def _settle(self, news: str | News) -> None:
        """Process what has happened to tasks, and queue those that may run because of it."""
        match news:
            case str():
                self._settle_here(news)
            case Began():
                self._record_elsewhere(news.labels, Change.STARTED)
            case Requeued():
                self._record_elsewhere(news.labels, Change.RETRYING)
            case Progressed():
                self._count_elsewhere(news.step, news.done)
            case Dropped():
                for label in news.labels:
                    self._elsewhere.pop(label, None)
            case TaskEnded():
                self._settle_elsewhere(news)

    def _settle_here(self, label: str) -> None:
        self._running.remove(label)
        self._ready.release(label)
        self._lag.task_ended()
        task = self._tasks[label]
        # Dropped here: with thousands of tasks the lists of artifacts would fill the memory.
        record, task.record = task.record, None
        # Already done; without it the future would ask the server for its state.
        task.future.wait()
        if record is None or not task.future.state.is_completed():
            if task.error is None:
                reason = task.future.state.message or task.future.state.name
                task.error = StepFailed(f"Step {task.launch.place.step} failed ({label}): {reason}")
            self._has_failed(task)
            return
        self._is_done(task, record.report)

    def _record_elsewhere(self, labels: Iterable[str], change: Change) -> None:
        for label in labels:
            if label in self._elsewhere:
                self._progress.record(self._tasks[label].launch.place.step, change)

    def _count_elsewhere(self, step: str, done: int) -> None:
        """Show tasks as done that are, before their container has ended and its results are read."""
        here = sum(task.launch.place.step == step for task in self._elsewhere.values())
        for _ in range(min(done, here) - self._counted[step]):
            self._progress.record(step, Change.DONE)
            self._counted[step] += 1

    def _settle_elsewhere(self, ended: TaskEnded) -> None:
        task = self._elsewhere.pop(ended.label, None)
        if task is None:
            return
        task.future = ContainerNode(ended.node) if ended.node is not None else None
        if ended.spent is not None:
            task.spent = ended.spent
            self._ready.extend([task.launch])
        elif ended.record is not None:
            task.number = None if ended.is_reused else 0
            self._is_done(task, ended.record.report, is_counted=self._was_counted(task))
        else:
            task.error = ended.error
            self._has_failed(task)

    def _was_counted(self, task: TaskState) -> bool:
        """Say whether a task that is done was shown as such already."""
        step = task.launch.place.step
        if not self._counted[step]:
            return False
        self._counted[step] -= 1
        return True

    def _is_done(self, task: TaskState, report: TaskReport, *, is_counted: bool = False) -> None:
        place = task.launch.place
        if not is_counted:
            self._progress.record(place.step, Change.REUSED if task.is_reused else Change.DONE)
        self._queue(self._plan.finished(place, report))

    def _has_failed(self, task: TaskState) -> None:
        self._failed.append(task)
        self._progress.record(task.launch.place.step, Change.FAILED)

    def _queue(self, launches: list[Launch]) -> None:
        elsewhere: dict[str, list[Launch]] = {}
        for launch in launches:
            parents = [self._tasks[parent.label] for parent in launch.parents]
            task = TaskState(launch, are_inputs_cloned=all(parent.is_cloned for parent in parents))
            self._tasks[task.label] = task
            self._progress.record(launch.place.step, Change.QUEUED)
            if self._has_own_container(task):
                self._elsewhere[task.label] = task
                elsewhere.setdefault(launch.place.step, []).append(launch)
            else:
                self._ready.extend([launch])
        for step, together in elsewhere.items():
            assert self._containers is not None  # noqa: S101  `_has_own_container` says so
            self._containers.add(self._steps[step], together)

    def _has_own_container(self, task: TaskState) -> bool:
        """Say whether a task runs in a container of its own; one that is only taken over needs none."""
        step = self._steps[task.launch.place.step]
        if self._containers is None or step.name not in self._containers.steps:
            return False
        return self._session.clonable(task) is None

    def _wind_down(self) -> None:
        """Let running tasks finish for a moment, end the rest, and fail.

        Raises:
            StepFailed: always, the first failure.
        """
        deadline = time.monotonic() + _FAILURE_GRACE_SECONDS
        self._ready.clear()
        if self._containers is not None:
            self._containers.hold()
        while self._running or self._elsewhere:
            try:
                self._settle(self._finished.get(timeout=max(deadline - time.monotonic(), 0.01)))
            except queue.Empty:
                if self._containers is not None and self._elsewhere:
                    self._elsewhere.clear()
                    self._containers.stop(is_cancelled=True)
                    continue
                for label in self._running:
                    self._tasks[label].is_final = True
                self._session.close()
                self._settle(self._finished.get())
            self._ready.clear()
        first = self._failed[0].error
        assert first is not None  # noqa: S101  `_settle` gives every failed task one
        # Without the task's own traceback, which Prefect has logged where it happened.
        raise first.with_traceback(None)

    def _may_be_retried(self, label: str) -> bool:
        return not self._tasks[label].is_final


def edge_starts(futures: Iterable[Any]) -> list[Any]:
    """Return what edges are drawn from, each once: many parents may have run in the same container."""
    found = {future.task_run_id: future for future in futures if future is not None}
    return list(found.values())[:_MAX_EDGES]


def _prefect_task(step: Step, delay_limit: float, may_be_retried: Callable[[str], bool]) -> Any:
    from prefect.cache_policies import NO_CACHE

    task: Any = step.task.with_options(  # type: ignore[attr-defined]  # the protocol names only what is read
        task_run_name="{label}",
        # Metaflow's datastore is the result store; Prefect would only hash and keep the label.
        cache_policy=NO_CACHE,
        persist_result=False,
        retry_condition_fn=lambda _task, run, _state: may_be_retried(run.name),
    )
    # Prefect cannot end a process, only warn of that for every task; the session enforces the limit.
    task.timeout_seconds = None
    task.retry_delay_seconds = min(task.retry_delay_seconds or 0, delay_limit)
    return task
