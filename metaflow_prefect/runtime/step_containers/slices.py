"""Which tasks share a container, what a lost container costs them, and the names of both; pure.

A slice is the tasks of one step that one container executes: those of a foreach by their number, every other task by
itself. Slices, their names and their keys depend on nothing but the tasks, so a flow run that is executed again finds
the containers that it had asked for.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from metaflow_prefect.runtime.flow.dispatcher import Launch
from metaflow_prefect.runtime.flow.graph import Container

MAX_FRUITLESS = 3
"""How many containers in a row may be lost before any of their tasks has begun."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The tasks that one container executes.

    `generation` counts the containers that these tasks had before, `fruitless` the last of them in which none
    began. `pause` is how long this container waits before it is asked for, in seconds.
    """

    launches: tuple[Launch, ...]
    generation: int = 0
    fruitless: int = 0
    pause: float = 0

    @property
    def step(self) -> str:
        """The step of all its tasks."""
        return self.launches[0].place.step

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its tasks."""
        return tuple(launch.place.label for launch in self.launches)

    @property
    def name(self) -> str:
        """The name that people see: `train[0-99]`, `train[0] and 5 more`, or the label of a single task."""
        first, last = self.launches[0].place, self.launches[-1].place
        others = len(self.launches) - 1
        if not others:
            return first.label
        if last.indices[-1] - first.indices[-1] != others:
            return f"{first.label} and {others} more"
        return f"{first.label.removesuffix(']')}-{last.indices[-1]}]"

    @property
    def key(self) -> str:
        """What identifies the container among all of the run."""
        digest = hashlib.sha256("\n".join(self.labels).encode()).hexdigest()[:16]
        return f"{self.step}/{digest}/{self.generation}"


def slices(launches: Iterable[Launch], container: Container) -> list[Slice]:
    """Divide tasks that may run now among containers; each fan-out of a foreach by itself."""
    found: list[Slice] = []
    for is_foreach, group in groupby(launches, key=_is_of_foreach):
        together = tuple(group)
        size = _tasks_per_container(len(together), container) if is_foreach else 1
        found += [Slice(together[start : start + size]) for start in range(0, len(together), size)]
    return found


def _is_of_foreach(launch: Launch) -> bool:
    return launch.split_index is not None and not launch.is_control


def _tasks_per_container(tasks: int, container: Container) -> int:
    return container.tasks or max(1, math.ceil(tasks / container.limit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What a container that ended without a word has left of its slice.

    `open` are the tasks that are not done, `begun` those of them with an attempt that had begun. `progressed` says
    whether any task had been done in it.
    """

    open: tuple[str, ...]
    begun: tuple[str, ...]
    progressed: bool


def payer(lost: Lost) -> str | None:
    """Return the task that used an attempt: the one that was alone when its container was lost.

    Which of several the container was lost for is not known, so none of them pays.
    """
    return lost.begun[0] if len(lost.begun) == 1 else None


def regroup(lost: Lost, *, without: str | None = None) -> tuple[tuple[str, ...], ...]:
    """Return the tasks that share the next containers: those that died in company run alone, the rest together.

    *without* is a task that needs no other container.
    """
    open_ = tuple(label for label in lost.open if label != without)
    if len(lost.begun) <= 1:
        return (open_,) if open_ else ()
    rest = tuple(label for label in open_ if label not in lost.begun)
    return (*((label,) for label in lost.begun), *((rest,) if rest else ()))


def next_slices(
    old: Slice, groups: Sequence[Sequence[str]], *, is_fruitless: bool, pause: float
) -> list[Slice]:
    """Return the slices that follow *old*, whose container was lost, with the tasks of *groups*."""
    by_label = {launch.place.label: launch for launch in old.launches}
    return [
        replace(
            old,
            launches=tuple(by_label[label] for label in group),
            generation=old.generation + 1,
            fruitless=old.fruitless + 1 if is_fruitless else 0,
            pause=pause,
        )
        for group in groups
    ]
