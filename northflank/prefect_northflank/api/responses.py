"""The responses of the Northflank API as values; unknown fields are ignored, unknown words are errors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from itertools import pairwise
from typing import TypeAlias, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from prefect_northflank.api.plans import Plan
from prefect_northflank.errors import MalformedResponse, UnexpectedResponse

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
JsonObject: TypeAlias = dict[str, Json]

_MEGABYTE, _MEBIBYTE = 1_000_000, 1024**2
"""Metrics count memory in `mb` (SDK 2.1.0); plans, and everything else here, in units of 1,048,576 bytes."""

_TIME = TypeAdapter(datetime)
_Word = TypeVar("_Word", bound=Enum)
_CRI_PREFIX = re.compile(r"^(\S+Z )?(?P<stream>stdout|stderr) (?P<tag>[FP]) ")


class RunStatus(str, Enum):
    """Status of a job run (API field `status`). A queued run and one that pulls its image are RUNNING too."""

    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    OTHER = "OTHER"
    """A word that is not documented, as that of an aborted run: only `concluded` says whether the run is over.

    It is not an error, because one such run would hide all others of its page from the monitor.
    """

    @property
    def is_final(self) -> bool:
        """Whether the word alone says that the run is over."""
        return self in {RunStatus.SUCCESS, RunStatus.FAILED}


class ContainerStatus(str, Enum):
    """Status of a container of a job run (API: `containers[].status`)."""

    STAGING = "TASK_STAGING"
    STARTING = "TASK_STARTING"
    RUNNING = "TASK_RUNNING"
    KILLING = "TASK_KILLING"
    KILLED = "TASK_KILLED"
    FAILED = "TASK_FAILED"
    FINISHED = "TASK_FINISHED"

    @property
    def is_waiting(self) -> bool:
        """Whether the container has not run yet."""
        return self in {ContainerStatus.STAGING, ContainerStatus.STARTING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project, and the team whose path prefix an organization's token needs."""

    id: str
    team: str | None = None

    @property
    def path(self) -> str:
        """The path with which every call about this project starts."""
        prefix = f"/v1/teams/{quote(self.team, safe='')}" if self.team else "/v1"
        return f"{prefix}/projects/{quote(self.id, safe='')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the list shows it, without the status of its runs."""

    id: str
    name: str
    job_type: str = "manual"
    description: str = ""

    @classmethod
    def parse(cls, fields: Mapping[str, Json]) -> Job:
        """Parse the API's object."""
        return cls(
            id=_id_of(fields),
            name=str(fields.get("name") or _id_of(fields)),
            job_type=str(fields.get("jobType") or "manual"),
            description=str(fields.get("description") or ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """One run of a job. `started_at` and `concluded_at` are the API's ISO 8601 texts."""

    id: str
    status: RunStatus
    concluded: bool
    name: str = ""
    started_at: str | None = None
    concluded_at: str | None = None

    @classmethod
    def parse(cls, fields: Mapping[str, Json]) -> JobRun:
        """Parse the API's object; the run is over if `concluded` says so or its status is final.

        Both count because the status of an aborted run is not documented.
        """
        word = str(fields.get("status", RunStatus.RUNNING.value))
        status = RunStatus(word) if word in RunStatus.__members__ else RunStatus.OTHER
        return cls(
            id=_id_of(fields),
            status=status,
            concluded=bool(fields.get("concluded")) or status.is_final,
            name=str(fields.get("runName") or ""),
            started_at=_text(fields.get("startedAt")),
            concluded_at=_text(fields.get("concludedAt")),
        )

    def is_run_of(self, container: str) -> bool:
        """Return whether *container*, a host name, belongs to this run: a pod's name begins with its job run's."""
        return bool(self.name) and container.startswith(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container (pod) of a job run."""

    name: str
    status: ContainerStatus

    @classmethod
    def parse(cls, fields: Mapping[str, Json]) -> Container:
        """Parse the API's object."""
        return cls(
            name=str(fields.get("name", "")),
            status=_member(ContainerStatus, "containers[].status", fields.get("status")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A build of a job's repository. `created_at` is the API's ISO 8601 text; `status` is only shown to users."""

    id: str
    status: str
    concluded: bool
    success: bool
    created_at: str

    @classmethod
    def parse(cls, fields: Mapping[str, Json]) -> Build:
        """Parse the API's object; `concluded` and `success` say all that matters, whatever the status is called."""
        return cls(
            id=_id_of(fields),
            status=str(fields.get("status", "")),
            concluded=bool(fields.get("concluded")),
            success=bool(fields.get("success")),
            created_at=str(fields.get("createdAt", "")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line that a container wrote, or a part of a long one; `at` is the API's ISO 8601 text."""

    text: str
    at: str
    stream: str = ""
    """`stdout` or `stderr`; empty where the API does not say."""
    continues: bool = False
    """Whether the container runtime has split the line, so that another part follows."""

    @classmethod
    def parse(cls, fields: Mapping[str, Json]) -> LogLine:
        """Parse the API's object, whose text begins with a prefix of the container runtime (`stdout F `)."""
        whole = str(fields.get("log", ""))
        prefix = _CRI_PREFIX.match(whole)
        return cls(
            text=whole[prefix.end() :] if prefix else whole,
            at=str(fields.get("ts", "")),
            stream=prefix["stream"] if prefix else "",
            continues=prefix["tag"] == "P" if prefix else False,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerMetrics:
    """What the containers of a run used: the peak of memory in MB (of 1,048,576 bytes), and CPU time in seconds.

    None where Northflank has measured nothing.
    """

    memory_mb: float | None = None
    cpu_seconds: float | None = None

    @classmethod
    def parse(cls, fields: Mapping[str, Json]) -> ContainerMetrics:
        """Parse the API's object, which has a list of measurements for each container."""
        memory = [value for _, value in _measurements(fields.get("memory"))]
        cpu = _measurements(fields.get("cpu"))
        return cls(
            memory_mb=max(memory) * _MEGABYTE / _MEBIBYTE if memory else None,
            cpu_seconds=_integral(cpu) if cpu else None,
        )


def _measurements(metric: Json) -> Sequence[tuple[datetime, float]]:
    """Return the measurements of a metric: when, and the value, container after container.

    Raises:
        UnexpectedResponse: a time is none.
    """
    found: list[tuple[datetime, float]] = []
    for container in _objects(object_or_empty(metric).get("values")):
        for point in _objects(container.get("data")):
            value = _number(point.get("value"))
            if value is not None:
                found.append((moment("metrics[].data[].ts", str(point.get("ts", ""))), value))
    return found


def _objects(value: Json) -> Sequence[JsonObject]:
    return [object_or_empty(item) for item in value] if isinstance(value, list) else []


def _integral(points: Sequence[tuple[datetime, float]]) -> float:
    """Return the CPU time behind measurements of vCPUs in use; each holds since the one before."""
    return sum(
        value * max((at - before).total_seconds(), 0)
        for (before, _), (at, value) in pairwise(points)
    )


def whole(value: Json) -> JsonObject:
    """Return *value* as the object it has to be.

    Raises:
        MalformedResponse: it is not an object, or an empty one.
    """
    if not isinstance(value, dict) or not value:
        raise MalformedResponse(why="it has no object")
    return value


def object_or_empty(value: Json) -> JsonObject:
    """Return *value* if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Json, key: str) -> Sequence[JsonObject]:
    """Return the objects of the list *value*, which the API calls *key*.

    Raises:
        MalformedResponse: it is not a list of objects. Taken for an empty list, it would mean that there is nothing.
    """
    if not isinstance(value, list):
        raise MalformedResponse(why=f"it has no list of {key}")
    return [whole(item) for item in value]


def plans_of(answer: Json) -> Sequence[Plan]:
    """Return the plans in the API's list."""
    return tuple(_plan(plan) for plan in items(whole(answer).get("plans"), "plans"))


def _plan(answer: Json) -> Plan:
    fields = whole(answer)
    cpu, memory, price = (
        _number(fields.get(field)) for field in ("cpuResource", "ramResource", "amountPerHour")
    )
    return Plan(
        id=_id_of(fields),
        cpu=cpu,
        memory=None if memory is None else int(memory),
        dollars_per_hour=price,
    )


def _number(value: Json) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def moment(field: str, text: str) -> datetime:
    """Return the time that *text* names (ISO 8601, any precision; UTC if it has no time zone)."""
    try:
        at = _TIME.validate_python(text)
    except ValidationError as error:
        raise UnexpectedResponse(field=field, value=text) from error
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)


def _member(kind: type[_Word], field: str, value: Json) -> _Word:
    try:
        return kind(str(value))
    except ValueError as error:
        raise UnexpectedResponse(field=field, value=str(value)) from error


def _id_of(fields: Mapping[str, Json]) -> str:
    found = fields.get("id")
    if not isinstance(found, str) or not found:
        raise MalformedResponse(why="an id is missing")
    return found


def _text(value: Json) -> str | None:
    return str(value) if value else None
