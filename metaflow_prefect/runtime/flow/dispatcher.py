"""Which tasks may run next: a pure state machine over the static graph, driven by what steps report.

A task that finishes passes a token along each edge it reports; a join collects the tokens of one
group and runs when the group is complete. There are no levels and no barriers: a task
whose inputs are there may run. The rules are those of Metaflow's own runtime (`metaflow.runtime.NativeRuntime`),
without its dependence on the order in which tasks finish.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from metaflow_prefect import names
from metaflow_prefect.errors import UnexpectedTransition
from metaflow_prefect.runtime.flow.graph import End, Foreach, Parallel, Split, Step, Switch, targets


@dataclass(frozen=True, slots=True)
class Frame:
    """One level of a foreach: the task's index, and the number of its tasks (None for a gang: not known yet)."""

    index: int
    size: int | None


@dataclass(frozen=True, slots=True)
class TaskPlace:
    """Where in the run a task is: its step, its foreach frames, and its turn in a recursive switch."""

    step: str
    frames: tuple[Frame, ...] = ()
    iteration: int = 0

    @property
    def indices(self) -> tuple[int, ...]:
        """The split indices, outermost first."""
        return tuple(frame.index for frame in self.frames)

    @property
    def task_id(self) -> str:
        """Metaflow's id of the task at this place."""
        return names.task_id(self.indices, self.iteration)

    @property
    def label(self) -> str:
        """The task's name in Prefect and in log lines."""
        return names.task_label(self.step, self.indices, self.iteration)


@dataclass(frozen=True, slots=True)
class Launch:
    """One task that may run now.

    `inputs` are pathspecs `run/step/task` in the order Metaflow's join expects; `parents` are the
    places they come from, for the edges of Prefect's graph.
    """

    place: TaskPlace
    inputs: tuple[str, ...]
    parents: tuple[TaskPlace, ...] = ()
    split_index: int | None = None
    is_control: bool = False


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What a finished task reports: Metaflow's `_transition`, `_foreach_num_splits`, `_control_mapper_tasks`."""

    path: str
    next: tuple[str, ...] = ()
    num_splits: int | None = None
    gang: tuple[str, ...] = ()


@dataclass(slots=True)
class _Group:
    """The tokens that have arrived at one join."""

    expected: int
    arrived: dict[tuple[int, int], tuple[TaskPlace, TaskReport]] = field(default_factory=dict)


class Dispatcher:
    """Turns finished tasks into launches; holds no clock, no thread and no connection."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = {step.name: step for step in steps}
        self._order = {name: position for position, name in enumerate(self._steps)}
        self._groups: dict[TaskPlace, _Group] = {}
        self._visits: defaultdict[tuple[str, tuple[Frame, ...]], int] = defaultdict(int)
        self.is_complete = False

    def begin(self, parameters_path: str) -> Launch:
        """Return the launch of the first step, whose input is the `_parameters` task."""
        first = next(iter(self._steps))
        return Launch(self._arrive(first, ()), (parameters_path,))

    def finished(self, place: TaskPlace, report: TaskReport) -> list[Launch]:
        """Record that the task at *place* is done and return what may run because of it.

        Raises:
            UnexpectedTransition: the task went where the graph does not lead.
        """
        step = self._steps[place.step]
        self._check(step, report)
        if isinstance(step.then, End):
            self.is_complete = True
            return []
        if isinstance(step.then, Foreach):
            return self._fan_out(place, step.then.step, report)
        if isinstance(step.then, Parallel):
            target = self._arrive(step.then.step, (*place.frames, Frame(0, None)))
            return [Launch(target, (report.path,), (place,), split_index=0, is_control=True)]
        return [launch for target in report.next for launch in self._follow(place, report, target)]

    def _check(self, step: Step, report: TaskReport) -> None:
        allowed = targets(step.then)
        if isinstance(step.then, Switch):
            if len(report.next) == 1 and report.next[0] in allowed:
                return
            problem = (
                f"Switch step {step.name} should transition to exactly one of {', '.join(allowed)}, "
                f"but it went to {', '.join(report.next) or 'none'}."
            )
        elif report.next == allowed:
            return
        else:
            problem = (
                f"From its source, step {step.name} was expected to transition to "
                f"{', '.join(allowed) or 'nothing'}, but it went to {', '.join(report.next) or 'nothing'}."
            )
        raise UnexpectedTransition(
            problem,
            fix="keep one unconditional self.next() at the end of the step, then compile the flow again",
        )

    def _fan_out(self, place: TaskPlace, target: str, report: TaskReport) -> list[Launch]:
        size = report.num_splits or 0
        return [
            Launch(
                self._arrive(target, (*place.frames, Frame(index, size))),
                (report.path,),
                (place,),
                split_index=index,
            )
            for index in range(size)
        ]

    def _follow(self, place: TaskPlace, report: TaskReport, target: str) -> list[Launch]:
        """Pass one token along one edge; return the launch it makes possible, if any."""
        joined = self._steps[target].joins
        if joined is None:
            return [Launch(self._arrive(target, place.frames), (report.path,), (place,))]
        split = self._steps[joined].then
        if isinstance(split, Split):
            key = (self._order[place.step], 0)
            return self._collect(target, place.frames, key, len(split.steps), (place, report))
        if report.gang:
            joining = self._arrive(target, place.frames[:-1])
            return [Launch(joining, report.gang, (place,))]
        frame = place.frames[-1]
        key = (frame.index, self._order[place.step])
        size = frame.size or 1
        return self._collect(target, place.frames[:-1], key, size, (place, report))

    def _collect(
        self,
        target: str,
        frames: tuple[Frame, ...],
        key: tuple[int, int],
        expected: int,
        token: tuple[TaskPlace, TaskReport],
    ) -> list[Launch]:
        # A group is known by where the join will run; its iteration is only given when it does.
        group = self._groups.setdefault(TaskPlace(target, frames), _Group(expected))
        group.arrived[key] = token
        if len(group.arrived) < group.expected:
            return []
        del self._groups[TaskPlace(target, frames)]
        tokens = [group.arrived[key] for key in sorted(group.arrived)]
        inputs = tuple(report.path for _, report in tokens)
        parents = tuple(place for place, _ in tokens)
        return [Launch(self._arrive(target, frames), inputs, parents)]

    def _arrive(self, step: str, frames: tuple[Frame, ...]) -> TaskPlace:
        """Return the place of the next visit of *step* under *frames*.

        Only a recursive switch visits a step again under the same frames.
        """
        iteration = self._visits[step, frames]
        self._visits[step, frames] = iteration + 1
        return TaskPlace(step, frames, iteration)
