"""The answers that Northflank's documentation leaves open, each with the other answer that the live API may give.

The first member of each enum is what the emulator assumes; README.md lists them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class AbortedRun(str, Enum):
    """The status of an aborted run."""

    FAILED = "failed"
    RUNNING = "running"


class RunOrder(str, Enum):
    """The order of the list of runs."""

    NEWEST_FIRST = "newest-first"
    OLDEST_FIRST = "oldest-first"


class RetryAfter(str, Enum):
    """Whether a 429 has the header `Retry-After`."""

    ABSENT = "absent"
    PRESENT = "present"


class LogPrefix(str, Enum):
    """Which of the two documented prefixes a log line has."""

    STREAM = "stream"
    TIME_AND_STREAM = "time-and-stream"


class CountedTails(str, Enum):
    """Whether opening a log tail counts as a request."""

    FREE = "free"
    COUNTED = "counted"


class ErrorDetails(str, Enum):
    """What the `details` of an error say."""

    BY_FIELD = "by-field"
    EMPTY = "empty"


class TakenName(str, Enum):
    """The status of creating a job whose name is taken."""

    CONFLICT = "409"
    BAD_REQUEST = "400"


class RefusedStart(str, Enum):
    """The status of starting a job that is paused, has no image, or has no finished build."""

    CONFLICT = "409"
    BAD_REQUEST = "400"


class MissingReference(str, Enum):
    """The status of naming a build service, tag or plan that does not exist."""

    BAD_REQUEST = "400"
    NOT_FOUND = "404"


class UnknownRegion(str, Enum):
    """What comes of a project in a region that is not listed."""

    REFUSED = "refused"
    ACCEPTED = "accepted"


class DeployedService(str, Enum):
    """What comes of deleting a build service that jobs deploy."""

    DELETED = "deleted"
    REFUSED = "refused"


class BuildInputs(str, Enum):
    """Whether a build service shows its build arguments and files."""

    HIDDEN = "hidden"
    SHOWN = "shown"


class LateAbort(str, Enum):
    """What comes of aborting a run that is over."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class BusyJob(str, Enum):
    """What comes of deleting a job with active runs."""

    DELETED = "deleted"
    REFUSED = "refused"


class ActiveConcludedAt(str, Enum):
    """What `concludedAt` of an active run is."""

    ABSENT = "absent"
    NULL = "null"


class Put(str, Enum):
    """What `PUT` does to an existing job."""

    REPLACES = "replaces"
    MERGES = "merges"


class TypeChange(str, Enum):
    """What comes of a `PUT` that would make a manual job a cron job."""

    REFUSED = "refused"
    ACCEPTED = "accepted"


class PatchedSettings(str, Enum):
    """What `PATCH` does to `settings`, `settings.cron` and `billing`."""

    MERGED = "merged"
    REPLACED = "replaced"


class PatchedEnvironment(str, Enum):
    """What `PATCH` does to the environment of a job."""

    REPLACED = "replaced"
    MERGED = "merged"


class DefaultBackoff(str, Enum):
    """The `backoffLimit` of a job without settings; 6 is that of Kubernetes."""

    NONE = "0"
    SIX = "6"


class PatchedSecrets(str, Enum):
    """What a `PATCH` with `secrets` replaces: the parts that it names (variables, files), or all of them."""

    NAMED_PARTS = "named-parts"
    ALL_PARTS = "all-parts"


class UnknownVariable(str, Enum):
    """What becomes of `${NAME}` in a value if there is no such variable."""

    KEPT = "kept"
    REMOVED = "removed"


class TailEnd(str, Enum):
    """When a log tail of one run ends."""

    WITH_THE_RUN = "with-the-run"
    WITH_THE_JOB = "with-the-job"


class PageCount(str, Enum):
    """What `count` of a page counts."""

    PAGE = "page"
    LIST = "list"


class ImagePathLength(str, Enum):
    """How long an image path may be; 255 is Docker's limit."""

    LONG = "512"
    SHORT = "255"


class PlanUnderscore(str, Enum):
    """Whether a job may name a plan with `_`, which the documented pattern excludes."""

    ALLOWED = "allowed"
    REFUSED = "refused"


class GpuPlans(str, Enum):
    """The vCPUs and memory that GPU plans have for each GPU."""

    EIGHT_VCPU = "8-vcpu-40-gb"
    FOUR_VCPU = "4-vcpu-16-gb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """One answer to each open question. A client must cope with all of them."""

    aborted_run: AbortedRun = AbortedRun.FAILED
    run_order: RunOrder = RunOrder.NEWEST_FIRST
    retry_after: RetryAfter = RetryAfter.ABSENT
    log_prefix: LogPrefix = LogPrefix.STREAM
    counted_tails: CountedTails = CountedTails.FREE
    error_details: ErrorDetails = ErrorDetails.BY_FIELD
    taken_name: TakenName = TakenName.CONFLICT
    refused_start: RefusedStart = RefusedStart.CONFLICT
    missing_reference: MissingReference = MissingReference.BAD_REQUEST
    unknown_region: UnknownRegion = UnknownRegion.REFUSED
    deployed_service: DeployedService = DeployedService.DELETED
    build_inputs: BuildInputs = BuildInputs.HIDDEN
    late_abort: LateAbort = LateAbort.ACCEPTED
    busy_job: BusyJob = BusyJob.DELETED
    active_concluded_at: ActiveConcludedAt = ActiveConcludedAt.ABSENT
    put: Put = Put.REPLACES
    type_change: TypeChange = TypeChange.REFUSED
    patched_settings: PatchedSettings = PatchedSettings.MERGED
    patched_environment: PatchedEnvironment = PatchedEnvironment.REPLACED
    default_backoff: DefaultBackoff = DefaultBackoff.NONE
    patched_secrets: PatchedSecrets = PatchedSecrets.NAMED_PARTS
    unknown_variable: UnknownVariable = UnknownVariable.KEPT
    tail_end: TailEnd = TailEnd.WITH_THE_RUN
    page_count: PageCount = PageCount.PAGE
    image_path_length: ImagePathLength = ImagePathLength.LONG
    plan_underscore: PlanUnderscore = PlanUnderscore.ALLOWED
    gpu_plans: GpuPlans = GpuPlans.EIGHT_VCPU
