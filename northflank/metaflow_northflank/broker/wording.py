"""What people at a laptop read about Northflank: errors of the API and ends of containers, with what they can do. Pure."""

from __future__ import annotations

from prefect_northflank.api.plans import NoPlanLargeEnough, UnknownGpuType, with_more_memory
from prefect_northflank.api.responses import Container, ContainerStatus
from prefect_northflank.errors import (
    ApiError,
    Forbidden,
    InvalidAddress,
    InvalidToken,
    MissingToken,
    NorthflankError,
    NotFound,
    RateLimited,
    Rejected,
    ServerFailed,
    SeveralRefused,
    Unauthorized,
    Unreachable,
)
from prefect_northflank.watch.exit_cause import Evidence, ExitCause, cause_of

NO_PROJECT = (
    "no Northflank project is set. Fix: set METAFLOW_NORTHFLANK_PROJECT to the id of the project "
    "in which the containers are to run."
)

_TOKEN = "set NORTHFLANK_API_TOKEN to a token of Northflank (Account settings > API > Tokens)"  # noqa: S105  advice


def problem(error: NorthflankError) -> str:
    """Return what is wrong, and what to do about it."""
    what, fix = _problem(error)
    return f"{what}. Fix: {fix}." if fix else str(error)


def problems(error: NorthflankError) -> list[str]:
    """Return each of the problems of *error*."""
    if isinstance(error, SeveralRefused):
        return [line for refused in error.refused for line in problems(refused)]
    return [problem(error)]


def _problem(error: NorthflankError) -> tuple[str, str]:  # noqa: C901, PLR0911  a sentence for each kind of error
    match error:
        case MissingToken():
            return "NORTHFLANK_API_TOKEN is not set", _TOKEN
        case InvalidToken():
            return f"NORTHFLANK_API_TOKEN: {error.why}", "copy the token again, as one line"
        case InvalidAddress():
            return f"{error.what}: {error.why}", "correct NORTHFLANK_API_BASE_URL, or leave it out"
        case UnknownGpuType():
            known = ", ".join(error.types)
            setting = "with gpu_type=… in @northflank or METAFLOW_NORTHFLANK_GPU_TYPE"
            return f"{error.what}: {error.why}", f"name one of {known} {setting}"
        case NoPlanLargeEnough():
            own = "name a plan of your own account with plan=… in @northflank"
            return f"{error.what}: {error.why}", f"ask for less, or {own}"
        case Unauthorized():
            return f"Northflank does not accept the token ({error.message})", _TOKEN
        case Forbidden():
            rights = "Project > Jobs > General: Create, Read, Update, Delete, Run Job"
            more = "Jobs > Deployment: View Observability, View Instance Logs"
            return (
                f"the token may not do this: {error.message}",
                f"give its API role {rights}; {more}",
            )
        case NotFound():
            return (
                f"Northflank does not find what was asked for: {error.message} ({error.path})",
                "check METAFLOW_NORTHFLANK_PROJECT, and METAFLOW_NORTHFLANK_TEAM if the token belongs to an organization",
            )
        case Unreachable():
            return str(error).partition(" Fix:")[0].rstrip(
                "."
            ), "check the network, and NORTHFLANK_API_BASE_URL if it is set"
        case ApiError():
            said = f"Northflank answered {error.status} to {error.method} {error.path}: {error.message}"
            return said, _fix_of_answer(error)
        case _:
            return "", ""


def _fix_of_answer(error: ApiError) -> str:
    match error:
        case RateLimited():
            return "wait for the next hour, or ask Northflank for a higher limit"
        case ServerFailed():
            return "try again; if it persists, see Northflank's status page"
        case Rejected():
            return "correct what the message is about in @northflank or in METAFLOW_NORTHFLANK_…"
        case _:
            return "see Northflank's message"


def ending(evidence: Evidence) -> str:  # noqa: C901, PLR0911  a sentence for each cause
    """Return why a container ended that has not recorded how."""
    image, plan = evidence.image, evidence.plan.id
    match cause_of(evidence):
        case ExitCause.DELETED:
            return "its job was deleted in Northflank"
        case ExitCause.DEADLINE:
            return f"it took longer than its job may ({evidence.deadline_seconds} s); raise the step's @timeout"
        case ExitCause.NO_IMAGE:
            return f"the image {image} could not be pulled; check its name and tag, and its registry's credentials"
        case ExitCause.NO_COMMAND:
            return f"the image {image} lacks a program that Metaflow needs (bash, python with pip, base64)"
        case ExitCause.OUT_OF_MEMORY:
            return f"it ran out of memory; {evidence.memory}. Next time {_more(evidence)}"
        case ExitCause.NO_MACHINE:
            return f"Northflank has no capacity for plan {plan} now; ask for less, or choose another plan"
        case ExitCause.EVICTED:
            return "it was evicted from its machine; @retry executes the task again"
        case ExitCause.EXIT_ZERO:
            return "its process ended without executing the step"
        case ExitCause.NEVER_RAN:
            return (
                f"it never ran: the image {image} could not be pulled, "
                f"Northflank has no capacity for plan {plan}, or its run was aborted before"
            )
        case ExitCause.KILLED:
            happened = "it was killed: out of memory, evicted, or aborted in Northflank"
            return f"{happened}; {evidence.memory}. If that was too little, {_more(evidence)}"
        case ExitCause.FAILED:
            return f"it ended with an error before it could say how; {evidence.memory}"


def waits_for(containers: tuple[Container, ...], plan: str, image: str) -> str:
    """Return what a container waits for that has not begun to execute its task."""
    seen = {container.status for container in containers}
    if not seen:
        return f"The container waits for a machine with room for plan {plan}."
    if ContainerStatus.RUNNING in seen:
        return "The container runs; it fetches the code and the packages."
    if seen & {ContainerStatus.STARTING, ContainerStatus.STAGING}:
        return f"The container is being prepared: it waits for a machine or the image {image}."
    return "The container has ended; Northflank has not concluded its run yet."


def _more(evidence: Evidence) -> str:
    larger = with_more_memory(evidence.plan, evidence.plans)
    if larger is None:
        return "ask for more: @resources(memory=…), or another plan in @northflank"
    return f"ask for more: @resources(memory={larger.memory}) gets plan {larger.id} ({larger.size})"
