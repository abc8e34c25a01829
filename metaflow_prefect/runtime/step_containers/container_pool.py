"""The containers that the steps of one execution of a run have at the moment: asked for, watched, replaced, given up.

A thread of its own does it all, so that a run with a hundred containers waits for them with one request every few
seconds. Prefect's server says when a container's flow run has ended; the datastore says what it has done.
"""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

from metaflow_prefect.errors import StepFailed
from metaflow_prefect.runtime.flow.dispatcher import Launch
from metaflow_prefect.runtime.flow.graph import DEFAULT_CONTAINER_LIMIT, Step
from metaflow_prefect.runtime.step_containers import aftermath
from metaflow_prefect.runtime.step_containers.aftermath import Ended
from metaflow_prefect.runtime.step_containers.child_runs import ChildRuns
from metaflow_prefect.runtime.step_containers.server_failures import Failures, is_refusal
from metaflow_prefect.runtime.step_containers.slices import Slice, next_slices, slices
from metaflow_prefect.runtime.store.datastore import RunDatastore, TaskRecord

_LOOK_SECONDS = 2.0
_LONGEST_LOOK_SECONDS = 10.0
"""The time between two looks at the containers; it grows while nothing changes."""

_COUNT_SECONDS = 5.0
"""The time between two counts of the tasks that are done."""

_PREFIX = "Flow run encountered an exception: StepFailed: "
"""How Prefect begins the message of a flow run that raised our error."""

_NO_DEPLOYMENT = "the deployment that gives its step containers was deleted; deploy the flow again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """The container of these tasks has begun to run."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeued:
    """Tasks that had begun wait for another container."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """No container was asked for these tasks, and none will be by this execution of the run."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """How many tasks of *step* are done in containers that have not ended."""

    step: str
    done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEnded:
    """What became of a task: a record, an error, or a fallback that this container has to execute.

    `node` is the container's flow run. `spent` is the number of attempts that a fallback's task has used.
    `is_reused`: an earlier execution had done it.
    """

    launch: Launch
    node: UUID | None = None
    record: TaskRecord | None = None
    error: StepFailed | None = None
    spent: int | None = None
    is_reused: bool = False

    @property
    def label(self) -> str:
        """The task's name."""
        return self.launch.place.label


News: TypeAlias = "Began | Requeued | Dropped | Progressed | TaskEnded"


@dataclass(kw_only=True)
class ContainerPool:
    """Runs slices in containers; reports from its own thread.

    `flow_steps` are all steps of the flow. `parameters` returns what a slice's flow run is told, `nodes` from which
    runs its edges come. `has_earlier`: an earlier execution of the run may have done some of the tasks.
    """

    flow_steps: Mapping[str, Step]
    datastore: RunDatastore
    children: ChildRuns
    parameters: Callable[[Slice], Mapping[str, Any]]
    nodes: Callable[[Slice], Iterable[UUID]]
    report: Callable[[News], None]
    say: Callable[[str], None]
    has_earlier: bool

    def __post_init__(self) -> None:
        self._wanted: deque[tuple[float, Slice]] = deque()
        self._active: dict[UUID, Slice] = {}
        self._begun: set[UUID] = set()
        self._inbox: queue.SimpleQueue[Slice | None] = queue.SimpleQueue()
        self._counted_at = time.monotonic()
        self._is_held = threading.Event()
        self._is_over = threading.Event()
        self._complaint = ""
        self._failures = Failures()
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=lambda: context.run(self._run), name="containers", daemon=True
        )

    @property
    def steps(self) -> frozenset[str]:
        """The steps whose tasks have containers of their own."""
        return self.children.steps

    def add(self, step: Step, launches: Iterable[Launch]) -> None:
        """Run these tasks of *step* in containers."""
        assert step.container is not None  # noqa: S101  only such steps are run here
        for slice_ in slices(launches, step.container):
            self._inbox.put(slice_)
        if not self._thread.is_alive() and not self._is_over.is_set():
            self._thread.start()

    def hold(self) -> None:
        """Ask for no more containers, and report the tasks that wait for one as dropped."""
        self._is_held.set()
        self._inbox.put(None)

    def stop(self, *, is_cancelled: bool) -> None:
        """Ask for no more containers; with *is_cancelled* end those that there are."""
        self._is_over.set()
        self._inbox.put(None)
        if self._thread.ident is not None:
            self._thread.join()
        if is_cancelled and self._active:
            given_up, self._active = list(self._active), {}
            self._attempt(lambda: self.children.cancel(given_up), None)
        self.children.close()

    def _run(self) -> None:
        pause = _LOOK_SECONDS
        while not self._is_over.is_set():
            has_changed = self._take_new(pause)
            if self._is_over.is_set():
                return
            has_changed |= self._attempt(self._ask_for_containers, self._give_up_all)
            has_changed |= self._attempt(self._look, self._give_up_all)
            # Only the progress that people see needs the count.
            self._attempt(self._count, None)
            pause = _LOOK_SECONDS if has_changed else min(pause * 1.5, _LONGEST_LOOK_SECONDS)

    def _attempt(
        self,
        do: Callable[[], object],
        give_up: Callable[[str], None] | None,
        what: object = None,
    ) -> bool:
        """Do something that needs the server or the datastore; what fails is tried again at the next look.

        *give_up* is called with the reason where trying again is of no use, because they answer, and refuse.
        """
        tried = what or do
        try:
            has_changed = bool(do())
        except Exception as error:  # noqa: BLE001  a thread's boundary; nothing of it may be lost
            complaint = f"{type(error).__name__}: {error}"
            if give_up is not None and self._failures.is_hopeless(tried, error):
                give_up(complaint)
                return True
            if complaint != self._complaint:
                self._complaint = complaint
                self.say(
                    f"The containers could not be looked after, and will be again: {complaint}"
                )
            return False
        self._failures.passed(tried)
        return has_changed

    def _give_up_all(self, reason: str) -> None:
        """Fail the tasks of all containers, which cannot be asked for or watched any more."""
        for _, slice_ in self._wanted:
            self._fail(slice_, reason)
        self._wanted.clear()
        for child in list(self._active):
            self._give_up(child, reason)

    def _give_up(self, child: UUID, reason: str) -> None:
        slice_ = self._active.pop(child)
        self._fail(slice_, f"what its container has done can't be known: {reason}")

    def _take_new(self, seconds: float) -> bool:
        """Take the slices that were added, waiting for the first at most *seconds*."""
        has_some = False
        try:
            item = self._inbox.get(timeout=seconds)
            while True:
                if item is not None:
                    self._wanted.append((0, item))
                    has_some = True
                item = self._inbox.get_nowait()
        except queue.Empty:
            return has_some

    def _ask_for_containers(self) -> bool:
        active = Counter(slice_.step for slice_ in self._active.values())
        has_changed = False
        if self._is_held.is_set():
            while self._wanted:
                self.report(Dropped(labels=self._wanted.popleft()[1].labels))
                has_changed = True
        until = time.monotonic() + _LOOK_SECONDS
        for _ in range(len(self._wanted)):
            moment, slice_ = self._wanted[0]
            if self._is_over.is_set() or self._is_held.is_set():
                break
            if time.monotonic() > until:
                # Those that end meanwhile must not wait until hundreds are asked for.
                self._inbox.put(None)
                break
            limit = self._limit(slice_.step)
            if active[slice_.step] >= limit or moment > time.monotonic():
                self._wanted.rotate(-1)
                continue
            if not self._is_done_already(slice_):
                self._ask_for(slice_)
                active[slice_.step] += 1
            self._wanted.remove((moment, slice_))
            has_changed = True
        return has_changed

    def _limit(self, step: str) -> int:
        container = self.flow_steps[step].container
        return DEFAULT_CONTAINER_LIMIT if container is None else container.limit

    def _is_done_already(self, slice_: Slice) -> bool:
        """Report the tasks if an earlier execution of the run has done them all."""
        if not self.has_earlier:
            return False
        done = aftermath.finished_already(slice_, self.datastore)
        if len(done) < len(slice_.launches):
            return False
        for launch in slice_.launches:
            record = done[launch.place.label]
            self.report(TaskEnded(launch=launch, record=record, is_reused=True))
        return True

    def _ask_for(self, slice_: Slice) -> None:
        from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

        try:
            child = self.children.create(slice_, self.parameters(slice_), self.nodes(slice_))
        except ObjectNotFound:
            self._fail(slice_, _NO_DEPLOYMENT)
            return
        except PrefectHTTPStatusError as error:
            if not is_refusal(error):
                raise
            self._fail(slice_, f"Prefect refused its container: {error}")
            return
        if self.has_earlier and _was_given_up(child.state):
            # Of an earlier execution, which failed or was canceled: this one tries again, as with every other task.
            again = next_slices(slice_, [slice_.labels], is_fruitless=False, pause=0)
            self._wanted.extend((0, next_) for next_ in again)
            return
        self._active[child.id] = slice_

    def _fail(self, slice_: Slice, reason: str) -> None:
        for launch in slice_.launches:
            label = launch.place.label
            error = StepFailed(f"Step {slice_.step} failed ({label}): {reason}")
            self.report(TaskEnded(launch=launch, error=error))

    def _look(self) -> bool:
        if not self._active:
            return False
        states = self.children.states(self._active)
        has_changed = False
        for child in list(self._active):
            state = states.get(child)
            if state is not None and state.is_running() and child not in self._begun:
                self._begun.add(child)
                self.report(Began(labels=self._active[child].labels))
                has_changed = True
            if state is None or state.is_final():
                # Each by itself: one that cannot be settled now must not keep the others waiting.
                self._attempt(
                    partial(self._settle, child, _ended(state)),
                    partial(self._give_up, child),
                    what=child,
                )
                has_changed = True
        return has_changed

    def _count(self) -> None:
        """Ask now and then how many tasks are done in containers with several."""
        if time.monotonic() - self._counted_at < _COUNT_SECONDS:
            return
        self._counted_at = time.monotonic()
        of_step: dict[str, list[UUID]] = {}
        for child, slice_ in self._active.items():
            if child in self._begun and len(slice_.launches) > 1:
                of_step.setdefault(slice_.step, []).append(child)
        for step, children in of_step.items():
            self.report(Progressed(step=step, done=self.children.finished_tasks(children)))

    def _settle(self, child: UUID, ended: Ended) -> None:
        slice_ = self._active[child]
        after = aftermath.aftermath(slice_, ended, self.flow_steps[slice_.step], self.datastore)
        del self._active[child]
        again = {label for next_ in after.again for label in next_.labels}
        by_label = {launch.place.label: launch for launch in slice_.launches}
        for label, record in after.done.items():
            if label not in again:
                self.report(TaskEnded(launch=by_label[label], node=child, record=record))
        for label, error in after.failed.items():
            self.report(TaskEnded(launch=by_label[label], node=child, error=error))
        for launch, spent in after.fallbacks:
            self.report(TaskEnded(launch=launch, node=child, spent=spent))
        if child in self._begun and again:
            self.report(Requeued(labels=tuple(again)))
        for next_ in after.again:
            self.say(
                f"The container of {slice_.name} was lost; {next_.name} gets another. {ended.reason}"
            )
            self._wanted.append((time.monotonic() + next_.pause, next_))


def _was_given_up(state: Any | None) -> bool:
    """Say whether a flow run ended by itself: what a crash leaves is another matter."""
    return state is not None and state.is_final() and not state.is_crashed()


def _ended(state: Any | None) -> Ended:
    """Return how a flow run ended, from its state; None is of a flow run that was deleted."""
    if state is None:
        return Ended(is_lost=False, reason="The flow run of its container was deleted.")
    message = (state.message or state.name or "").strip()
    if state.is_crashed():
        return Ended(is_lost=True, reason=message)
    if state.is_cancelled():
        return Ended(is_lost=False, reason=f"Its container was cancelled. {message}".strip())
    if state.is_completed():
        return Ended(is_lost=False, reason="Its container has left no result.")
    return Ended(is_lost=False, reason=message.removeprefix(_PREFIX))
