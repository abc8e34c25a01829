"""The values in the emulator's state: projects, jobs, build services, runs, containers, log lines, secret groups."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from northflank_emulator.fields.schema import JsonObject


class JobType(str, Enum):
    """Whether a job runs on request or on a schedule."""

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
    """How a run ended."""

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
    """The stream to which a log line was written."""

    STDOUT = "stdout"
    STDERR = "stderr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project; `spec` is the create body without the name."""

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
    """A build service, which builds a repository for jobs; `spec` is the create body without the name."""

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
    """One attempt of a run; the API shows neither `exit_code` nor `reason`."""

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
    """A run of a job: the overrides it was started with, the specification with these, its attempts.

    `image` is chosen at the start: later builds do not change it.
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
    """One line of a container's log; the rest of a `partial` line follows."""

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
    """The job or build service that a build belongs to; a job and a service may have the same id."""

    project: str
    kind: BuilderKind
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A build of a repository, which takes a while and produces no image. `job` is the builder's id."""

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
        """The job or build service it belongs to."""
        return Builder(project=self.project, kind=self.kind, id=self.job)

    @property
    def image(self) -> str:
        """The path of the image it would have produced."""
        return f"registry.northflank.com/{self.project}/{self.job}:{self.sha}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountItem:
    """A tag or a registry credential, which belongs to the account; jobs refer to it by id."""

    number: int
    id: str
    name: str
    spec: JsonObject
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A notification integration, with the results of its deliveries."""

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
    """An event that webhooks can subscribe to, by the API's name (`job-run:start`)."""

    name: str
    project: str
    data: JsonObject = field(default_factory=dict)
