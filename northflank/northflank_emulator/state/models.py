"""The values the emulator keeps: projects, jobs, build services, runs, containers, log lines, secret groups."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from northflank_emulator.fields.schema import JsonObject


class JobType(str, Enum):
    """Who starts a job's runs."""

    MANUAL = "manual"
    CRON = "cron"


class ContainerStatus(str, Enum):
    """The states of a container, in the API's words."""

    STAGING = "TASK_STAGING"
    STARTING = "TASK_STARTING"
    RUNNING = "TASK_RUNNING"
    KILLING = "TASK_KILLING"
    KILLED = "TASK_KILLED"
    FAILED = "TASK_FAILED"
    FINISHED = "TASK_FINISHED"


class Ending(str, Enum):
    """Why a run is over."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    DEADLINE = "deadline"
    LOST = "lost"


class BuildStatus(str, Enum):
    """The states of a build that the emulator goes through."""

    QUEUED = "QUEUED"
    BUILDING = "BUILDING"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    ABORTED = "ABORTED"


class BuilderKind(str, Enum):
    """What builds images from a repository."""

    JOB = "job"
    SERVICE = "service"


class Stream(str, Enum):
    """Where a log line was written."""

    STDOUT = "stdout"
    STDERR = "stderr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project; `spec` is what its creator sent."""

    number: int
    uid: str
    id: str
    name: str
    spec: JsonObject
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job; `spec` is the create body in its general form (`settings` nested), without the name."""

    number: int
    uid: str
    id: str
    project: str
    name: str
    type: JobType
    spec: JsonObject
    created_at: datetime
    updated_at: datetime
    paused: bool = False
    suspended: bool = False
    disabled_cd: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildService:
    """A build service: builds a repository for jobs to run; `spec` is the create body without the name."""

    number: int
    uid: str
    id: str
    project: str
    name: str
    spec: JsonObject
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One attempt of a run; `exit_code` and `reason` are ours, the API shows neither."""

    name: str
    status: ContainerStatus
    created_at: datetime
    updated_at: datetime
    exit_code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """The end of a run."""

    ending: Ending
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of a job: what was asked for (`overrides`), what the job said then (`spec`), its attempts.

    `image` was chosen when it started: later builds do not change it.
    """

    number: int
    id: str
    project: str
    job: str
    name: str
    overrides: JsonObject
    spec: JsonObject
    started_at: datetime
    image: str = ""
    scheduled: bool = False
    containers: tuple[Container, ...] = ()
    conclusion: Conclusion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line a container wrote; `partial` says that the rest of the line follows."""

    number: int
    container: str
    at: datetime
    stream: Stream
    text: str
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretGroup:
    """A secret group; `spec` is the create body without the name."""

    number: int
    id: str
    project: str
    name: str
    spec: JsonObject
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """A job or a build service, as what has builds; an id may be both a job's and a service's."""

    project: str
    kind: BuilderKind
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A build of a repository; it makes no image, it only takes its time. `job` is the builder's id."""

    number: int
    id: str
    project: str
    job: str
    branch: str
    sha: str
    status: BuildStatus
    created_at: datetime
    concluded_at: datetime | None = None
    kind: BuilderKind = BuilderKind.JOB
    pull_request: str | int | None = None

    @property
    def builder(self) -> Builder:
        """Whose build it is."""
        return Builder(project=self.project, kind=self.kind, id=self.job)

    @property
    def image(self) -> str:
        """The path of the image it made."""
        return f"registry.northflank.com/{self.project}/{self.job}:{self.sha}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountItem:
    """A tag or a registry credential: things of the account that jobs refer to by id."""

    number: int
    id: str
    name: str
    spec: JsonObject
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A notification integration, and how its deliveries have gone."""

    number: int
    id: str
    name: str
    spec: JsonObject
    created_at: datetime
    updated_at: datetime
    failures: int = 0
    first_failure_at: datetime | None = None
    disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """Something webhooks may want to hear of, in the API's words (`job-run:start`)."""

    name: str
    project: str
    data: JsonObject = field(default_factory=dict)
