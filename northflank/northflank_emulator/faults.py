"""Injected faults: which are set, and when each of them strikes."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from fnmatch import fnmatchcase

from northflank_emulator.fields.schema import (
    Integer,
    JsonObject,
    MapOf,
    Nullable,
    Number,
    ObjectRule,
    OneOf,
    Problem,
    Text,
    check,
)


class FaultKind(str, Enum):
    """The kinds of faults: the first eight strike requests, the others containers."""

    STATUS = "status"
    LATENCY = "latency"
    DROP_BEFORE = "drop-before"
    DROP_AFTER = "drop-after"
    TRUNCATE = "truncate"
    RATE_LIMIT = "rate-limit"
    ANSWER = "answer"
    ANSWER_AFTER = "answer-after"
    CRASH = "crash"
    EVICTION = "eviction"
    IMAGE_PULL = "image-pull"
    NEVER_SCHEDULED = "never-scheduled"

    @property
    def strikes_containers(self) -> bool:
        """Whether it strikes containers rather than requests."""
        return self in _OF_CONTAINERS


_OF_CONTAINERS = frozenset(
    {FaultKind.CRASH, FaultKind.EVICTION, FaultKind.IMAGE_PULL, FaultKind.NEVER_SCHEDULED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault to inject.

    Args:
        kind: what goes wrong.
        route: for requests: a pattern of the operation (`start.job.run`) or of method and path
            (`POST /v1/projects/*/jobs/*/runs`).
        job: for containers: a pattern of the job's id.
        probability: how likely it strikes a matching request or container, from 0 to 1.
        times: after so many strikes the fault is removed; None keeps it.
        skip: how many matching requests or containers pass first.
        status: the status code of the kinds `status`, `answer` and `answer-after`.
        body: the body that `answer` and `answer-after` send unchanged.
        headers: the headers of that answer; the length is added.
        seconds: the delay of `latency`; how long a container runs before `crash` or `eviction`.
    """

    kind: FaultKind
    route: str = "*"
    job: str = "*"
    probability: float = 1.0
    times: int | None = None
    skip: int = 0
    status: int = 503
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    seconds: float = 0.0

    def document(self) -> JsonObject:
        """Return the fault as the control endpoint shows it."""
        return {
            "kind": self.kind.value,
            "route": self.route,
            "job": self.job,
            "probability": self.probability,
            "times": self.times,
            "skip": self.skip,
            "status": self.status,
            "body": self.body,
            "headers": dict(self.headers),
            "seconds": self.seconds,
        }


LONGEST_SECONDS = 24 * 3600
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""What HTTP allows in the name of a header; anything else would break the connection, not the answer."""
_FIELD = re.compile(r"[\t\x20-\x7e]*")
"""What HTTP allows in the value of a header."""

_FIELDS = ObjectRule(
    fields={
        "kind": OneOf(values=tuple(kind.value for kind in FaultKind)),
        "route": Text(minimum=1),
        "job": Text(minimum=1),
        "probability": Number(minimum=0, maximum=1),
        "times": Nullable(rule=Integer(minimum=1)),
        "skip": Integer(minimum=0),
        "status": Integer(minimum=200, maximum=599),
        "body": Text(),
        "headers": MapOf(key=Text(minimum=1, pattern=_TOKEN), value=Text(pattern=_FIELD)),
        "seconds": Number(minimum=0, maximum=LONGEST_SECONDS),
    },
    required=frozenset({"kind"}),
)


def problems(document: object) -> list[Problem]:
    """Return the problems of a fault as the control endpoint receives it."""
    return list(check(_FIELDS, document))


def parse(document: JsonObject) -> Fault:
    """Return the fault that a checked document describes."""
    values = {**document, "kind": FaultKind(document["kind"])}
    return Fault(**values)  # type: ignore[arg-type]  # the field table has checked every type


class Faults:
    """The faults that are set; with the same seed, the same requests meet the same faults."""

    def __init__(self, seed: int | None = None, initial: Iterable[Fault] = ()) -> None:
        self._random = random.Random(seed)  # noqa: S311  chance for tests, not for secrets
        self._set: dict[int, Fault] = {}
        self._next = 1
        for fault in initial:
            self.add(fault)

    def add(self, fault: Fault) -> int:
        """Set *fault*, and return the number that removes it."""
        number, self._next = self._next, self._next + 1
        self._set[number] = fault
        return number

    def remove(self, number: int) -> bool:
        """Remove the fault *number*, and return whether it was set."""
        return self._set.pop(number, None) is not None

    def clear(self) -> None:
        """Remove every fault."""
        self._set.clear()

    def all(self) -> dict[int, Fault]:
        """Return every fault that is set, by its number."""
        return dict(self._set)

    def of_request(self, operation: str, method: str, path: str) -> list[Fault]:
        """Return the faults that strike this request, and count each strike."""
        names = (operation, f"{method} {path}")
        return self._strike(
            lambda fault: (
                not fault.kind.strikes_containers
                and any(fnmatchcase(name, fault.route) for name in names)
            )
        )

    def of_container(self, job: str) -> Fault | None:
        """Return the fault that strikes a new container of *job*, if one does."""
        struck = self._strike(
            lambda fault: fault.kind.strikes_containers and fnmatchcase(job, fault.job)
        )
        return struck[0] if struck else None

    def _strike(self, concerned: Callable[[Fault], bool]) -> list[Fault]:
        struck = []
        for number, fault in list(self._set.items()):
            if not concerned(fault):
                continue
            if fault.skip:
                self._set[number] = replace(fault, skip=fault.skip - 1)
            elif self._random.random() < fault.probability:
                struck.append(fault)
                self._count(number, fault)
        return struck

    def _count(self, number: int, fault: Fault) -> None:
        if fault.times is None:
            return
        if fault.times <= 1:
            del self._set[number]
        else:
            self._set[number] = replace(fault, times=fault.times - 1)
