"""The answers of the Northflank API as values; unknown fields are ignored, unknown words are errors or say so."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from typing import TypeAlias, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from prefect_northflank.api.plans import Plan
from prefect_northflank.errors import SenselessAnswer, UnexpectedAnswer

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
JsonObject: TypeAlias = dict[str, Json]

_TIME = TypeAdapter(datetime)
_Word = TypeVar("_Word", bound=Enum)
_CRI_PREFIX = re.compile(r"^(\S+Z )?(?P<stream>stdout|stderr) (?P<tag>[FP]) ")


class RunStatus(str, Enum):
    """Status of a job run (API field `status`). A queued run and one that pulls its image are RUNNING too."""

    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    OTHER = "OTHER"
    """A word that is not documented (what an aborted run shows is not): only `concluded` says whether it is over.

    No error, because one such run would hide all others of its page from the monitor.
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
    """Where jobs live: a project, and the team whose path prefix an organisation's token needs."""

    id: str
    team: str | None = None

    @property
    def path(self) -> str:
        """The path every call about this project starts with."""
        prefix = f"/v1/teams/{quote(self.team, safe='')}" if self.team else "/v1"
        return f"{prefix}/projects/{quote(self.id, safe='')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the list shows it; it carries no status of its runs."""

    id: str
    name: str
    job_type: str = "manual"
    description: str = ""

    @classmethod
    def parse(cls, fields: Mapping[str, Json]) -> Job:
        """Read a job out of the API's object."""
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
        """Read a run; it is over when `concluded` says so or the status is final (an aborted run's status is undocumented)."""
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
        """Whether *container* (its host name) is one of this run: a pod's name begins with its job run's."""
        return bool(self.name) and container.startswith(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container (pod) of a job run."""

    name: str
    status: ContainerStatus

    @classmethod
    def parse(cls, fields: Mapping[str, Json]) -> Container:
        """Read a container out of the API's object."""
        return cls(
            name=str(fields.get("name", "")),
            status=_member(ContainerStatus, "containers[].status", fields.get("status")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A build of a job's repository. `created_at` is the API's ISO 8601 text; `status` is for people."""

    id: str
    status: str
    concluded: bool
    success: bool
    created_at: str

    @classmethod
    def parse(cls, fields: Mapping[str, Json]) -> Build:
        """Read a build; `concluded` and `success` say all that matters, whatever the status is called."""
        return cls(
            id=_id_of(fields),
            status=str(fields.get("status", "")),
            concluded=bool(fields.get("concluded")),
            success=bool(fields.get("success")),
            created_at=str(fields.get("createdAt", "")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line a container wrote, or a part of a long one; `at` is the API's ISO 8601 text."""

    text: str
    at: str
    stream: str = ""
    """`stdout` or `stderr`; empty where the API does not say."""
    continues: bool = False
    """Whether the container runtime has split the line, and the next part follows."""

    @classmethod
    def parse(cls, fields: Mapping[str, Json]) -> LogLine:
        """Read a log line; the text comes with a container-runtime prefix (`stdout F `) that is not the program's."""
        whole = str(fields.get("log", ""))
        prefix = _CRI_PREFIX.match(whole)
        return cls(
            text=whole[prefix.end() :] if prefix else whole,
            at=str(fields.get("ts", "")),
            stream=prefix["stream"] if prefix else "",
            continues=prefix["tag"] == "P" if prefix else False,
        )


def whole(value: Json) -> JsonObject:
    """Return *value* as the object it has to be.

    Raises:
        SenselessAnswer: it is none, or an empty one.
    """
    if not isinstance(value, dict) or not value:
        raise SenselessAnswer(why="there is no object in it")
    return value


def items(value: Json, key: str) -> Sequence[JsonObject]:
    """Return the objects of the list *value*, which the API calls *key*.

    Raises:
        SenselessAnswer: it is no list of objects; an empty one would say that there is nothing.
    """
    if not isinstance(value, list):
        raise SenselessAnswer(why=f"there is no list of {key} in it")
    return [whole(item) for item in value]


def plans_of(answer: Json) -> Sequence[Plan]:
    """Return the plans in the API's list."""
    return tuple(_plan(plan) for plan in items(whole(answer).get("plans"), "plans"))


def _plan(answer: Json) -> Plan:
    said = whole(answer)
    cpu, memory, price = (
        _number(said.get(field)) for field in ("cpuResource", "ramResource", "amountPerHour")
    )
    return Plan(
        id=_id_of(said),
        cpu=cpu,
        memory=None if memory is None else int(memory),
        dollars_per_hour=price,
    )


def _number(value: Json) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def moment(field: str, text: str) -> datetime:
    """Return the time that *text* says (ISO 8601, any precision; UTC if it names no zone)."""
    try:
        at = _TIME.validate_python(text)
    except ValidationError as error:
        raise UnexpectedAnswer(field=field, value=text) from error
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)


def _member(kind: type[_Word], field: str, value: Json) -> _Word:
    try:
        return kind(str(value))
    except ValueError as error:
        raise UnexpectedAnswer(field=field, value=str(value)) from error


def _id_of(fields: Mapping[str, Json]) -> str:
    found = fields.get("id")
    if not isinstance(found, str) or not found:
        raise SenselessAnswer(why="an id is missing in it")
    return found


def _text(value: Json) -> str | None:
    return str(value) if value else None
