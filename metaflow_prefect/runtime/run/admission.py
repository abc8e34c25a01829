"""Which tasks may begin beside those that run: together they ask for no more than the container has; pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from metaflow_prefect.errors import SettingRefused
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.flow.dispatcher import Launch

_CPU, _MEMORY = "cpu", "memory"
_KINDS = (_MEMORY, _CPU)
_UNITS = {_CPU: "vCPUs", _MEMORY: "MB"}
_VARIABLES = {_CPU: variables.CONTAINER_CPU, _MEMORY: variables.CONTAINER_MEMORY}

_ROUNDING = 1e-6
"""Three requests of 0.1 vCPU fit into 0.3."""

_MAX_NAMED = 3
"""How many tasks a line names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a task asks for with @resources: vCPUs, and memory in MB."""

    cpu: float = 0
    memory: float = 0

    @classmethod
    def of(cls, tags: Iterable[str]) -> Request:
        """Read the request from the tags of the step's Prefect task; what is not a number asks for nothing.

        >>> Request.of({"cpu=2", "memory=8000.0", "gpu=1", "nightly"})
        Request(cpu=2.0, memory=8000.0)
        """
        asked = dict(tag.split("=", 1) for tag in tags if "=" in tag)
        return cls(**{kind: _amount(asked.get(kind, "")) or 0 for kind in _KINDS})

    def of_kind(self, kind: str) -> float:
        """Return how much it asks for of *kind*."""
        amount: float = getattr(self, kind)
        return amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What all tasks that run at the same time may ask for together; infinite where nothing limits them."""

    cpu: float = math.inf
    memory: float = math.inf

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Capacity:
        """Read what the deployment says of its containers; runs without a deployment are not limited.

        Raises:
            SettingRefused: a variable is not a number above 0.
        """
        given = {kind: environment.get(name) for kind, name in _VARIABLES.items()}
        return cls(**{kind: _above_zero(kind, text) for kind, text in given.items() if text})

    def of_kind(self, kind: str) -> float:
        """Return how much of *kind* there is."""
        amount: float = getattr(self, kind)
        return amount

    def limits(self, request: Request) -> bool:
        """Say whether *request* asks for anything of which there is only so much."""
        return any(request.of_kind(kind) and self.of_kind(kind) < math.inf for kind in _KINDS)

    def missing(self, requests: Iterable[Request]) -> str | None:
        """Return the kind of which *requests* together ask for more than there is, None if there is enough."""
        together = tuple(requests)
        for kind in _KINDS:
            asked = math.fsum(request.of_kind(kind) for request in together)
            if asked > self.of_kind(kind) + _ROUNDING:
                return kind
        return None


class AdmissionQueue:
    """The tasks that may run by the flow's graph, in their order; gives out those for which the container has room.

    First come, first served: a task that waits for room is not overtaken by one that asks for less, only by those
    that ask for nothing that is limited. A task that asks for more than the container has begins when no other task
    with a request runs.
    """

    def __init__(
        self, capacity: Capacity, requests: Mapping[str, Request], say: Callable[[str], None]
    ) -> None:
        """Take the *requests* of the steps; *say* writes, once for each step, what its tasks wait for."""
        self._capacity = capacity
        self._requests = {
            step: request for step, request in requests.items() if capacity.limits(request)
        }
        self._say = say
        self._ready: deque[Launch] = deque()
        self._waiting: deque[Launch] = deque()
        self._running: dict[str, Request] = {}
        self._explained: set[str] = set()

    def __len__(self) -> int:
        """Return how many tasks have not been given out."""
        return len(self._ready) + len(self._waiting)

    def extend(self, launches: Iterable[Launch]) -> None:
        """Append tasks that may run by the flow's graph."""
        self._ready.extend(launches)

    def clear(self) -> None:
        """Drop all tasks that have not been given out."""
        self._ready.clear()
        self._waiting.clear()

    def take(self) -> Launch | None:
        """Return the next task that may begin; its request counts until it is released.

        None means that there is no task left, or that one that runs has to end first.
        """
        if self._waiting and self._has_room(self._waiting[0]):
            return self._begun(self._waiting.popleft())
        while self._ready:
            launch = self._ready.popleft()
            if launch.place.step not in self._requests:
                return launch
            if not self._waiting and self._has_room(launch):
                return self._begun(launch)
            self._waiting.append(launch)
        return None

    def release(self, label: str) -> None:
        """Record that the task called *label* has ended."""
        self._running.pop(label, None)

    def _begun(self, launch: Launch) -> Launch:
        self._running[launch.place.label] = self._requests[launch.place.step]
        return launch

    def _has_room(self, launch: Launch) -> bool:
        if not self._running:
            return True
        step = launch.place.step
        missing = self._capacity.missing((*self._running.values(), self._requests[step]))
        if missing is not None and step not in self._explained:
            self._explained.add(step)
            self._say(self._explanation(launch.place.label, missing))
        return missing is None

    def _explanation(self, label: str, kind: str) -> str:
        asking = {
            other: amount
            for other, request in self._running.items()
            if (amount := request.of_kind(kind))
        }
        named = ", ".join(list(asking)[:_MAX_NAMED])
        more = f" and {len(asking) - _MAX_NAMED} more" if len(asking) > _MAX_NAMED else ""
        there_is = f"{self._capacity.of_kind(kind):.10g} {_UNITS[kind]}"
        if not asking:
            return f"{label} waits until it runs alone: it asks for more than {there_is} of {kind}"
        asked = f"{math.fsum(asking.values()):.10g}"
        return f"{label} waits for {kind}: {asked} of {there_is} are asked for by {named}{more}"


def _amount(text: str) -> float | None:
    """Return the number in *text*; None if there is none, or one below 0."""
    try:
        amount = float(text)
    except ValueError:
        return None
    return amount if math.isfinite(amount) and amount >= 0 else None


def _above_zero(kind: str, text: str) -> float:
    amount = _amount(text)
    if not amount:
        raise SettingRefused(
            f"{text!r} is not the size of a container in {_UNITS[kind]}.",
            fix=f"set {_VARIABLES[kind]} to a number above 0, or leave it out: tasks are not limited then",
        )
    return amount
