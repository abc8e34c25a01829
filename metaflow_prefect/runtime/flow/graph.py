"""The static graph of a flow, written as data in the generated file: which step may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

DEFAULT_CONTAINER_LIMIT = 100
"""How many containers of one step run at the same time, unless @northflank says otherwise."""


class StepTask(Protocol):
    """What the runtime reads of a Prefect task: its name, its retries, @timeout's limit, and @resources as tags."""

    name: str
    retries: int
    timeout_seconds: float | None
    tags: set[str]


@dataclass(frozen=True, slots=True)
class Next:
    """`self.next(self.step)`."""

    step: str


@dataclass(frozen=True, slots=True)
class Split:
    """`self.next(self.a, self.b, …)`: every branch runs, a join waits for all of them."""

    steps: tuple[str, ...]

    def __init__(self, *steps: str) -> None:
        object.__setattr__(self, "steps", steps)


@dataclass(frozen=True, slots=True)
class Foreach:
    """`self.next(self.step, foreach="over")`: one task per item."""

    step: str
    over: str = ""


@dataclass(frozen=True, slots=True)
class Parallel:
    """`self.next(self.step, num_parallel=n)`: a gang of tasks, led by one control task."""

    step: str


@dataclass(frozen=True, slots=True)
class Switch:
    """`self.next({value: self.step, …}, condition="on")`: exactly one case runs, perhaps this step again."""

    cases: Mapping[object, str]
    on: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """The last step of the flow."""


@dataclass(frozen=True, slots=True)
class Container:
    """The containers that @northflank gives the tasks of a step.

    `tasks` is how many tasks of a foreach one executes (0: as few as `limit` containers allow), `at_once` how many of
    them at the same time. `limit` is how many containers of the step may run at the same time.
    """

    tasks: int = 0
    at_once: int = 1
    limit: int = DEFAULT_CONTAINER_LIMIT


Transition: TypeAlias = "Next | Split | Foreach | Parallel | Switch | End"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: the Prefect task that stands for it, and what follows.

    `joins` names the step whose split this one joins. `error_retries` of the task's retries are
    for @catch's fallback, not for the user's code. `environment` names the variables of
    @environment, whose values are read from the flow when it runs. `lock` is the key of the lock of the step's packages.
    `container` is None where the tasks run in the container of the flow run.
    """

    task: StepTask
    then: Transition
    joins: str | None = None
    error_retries: int = 0
    environment: tuple[str, ...] = ()
    container: Container | None = None
    lock: str | None = None

    @property
    def name(self) -> str:
        """The step's name in Metaflow."""
        return self.task.name

    @property
    def user_retries(self) -> int:
        """How often the user's own code is tried again (`--max-user-code-retries`)."""
        return self.task.retries - self.error_retries


def targets(transition: Transition) -> tuple[str, ...]:
    """Return the steps that *transition* may lead to, in the order of the source."""
    match transition:
        case Next(step) | Foreach(step) | Parallel(step):
            return (step,)
        case Split(steps):
            return steps
        case Switch(cases):
            return tuple(dict.fromkeys(cases.values()))
        case End():
            return ()
