"""Explains why a container ended without a final state in Prefect, from what Northflank shows of its run. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from prefect_northflank.api.plans import with_more_memory
from prefect_northflank.api.responses import Container, ContainerStatus
from prefect_northflank.watch.exit_cause import Evidence, ExitCause, cause_of, hit_deadline

_MAX_NAMED = 3
"""How many tasks a message names."""


def reason(evidence: Evidence) -> str:  # noqa: C901, PLR0911  a sentence for each cause
    """Return a sentence about what happened and, if the user can do something about it, what."""
    image, plan = evidence.image, evidence.plan.id
    match cause_of(evidence):
        case ExitCause.DELETED:
            return "the job run was deleted in Northflank"
        case ExitCause.DEADLINE:
            return _deadline(evidence)
        case ExitCause.NO_IMAGE:
            return (
                f"the image {image} could not be pulled: "
                "check its name and tag, and deployment_external_credentials"
            )
        case ExitCause.NO_COMMAND:
            return (
                f"the command was not found in the image {image}: "
                "check that Prefect is installed in it, the command and the entrypoint"
            )
        case ExitCause.OUT_OF_MEMORY:
            return out_of_memory(evidence)
        case ExitCause.NO_MACHINE:
            return (
                "no machine could take the container: "
                f"use another billing_deployment_plan than {plan}, or fewer GPUs"
            )
        case ExitCause.EVICTED:
            return "the container was evicted from its machine"
        case ExitCause.EXIT_ZERO:
            return "the container ended with exit code 0 without telling Prefect how the flow run ended"
        case ExitCause.NEVER_RAN:
            return (
                f"its container never ran: the image {image} could not be pulled, "
                f"no machine had room for {plan}, or the run was aborted before"
            )
        case ExitCause.KILLED:
            return _perhaps_memory(
                "the container was killed: out of memory, evicted, or the run was aborted in Northflank",
                evidence,
            )
        case ExitCause.FAILED:
            return _perhaps_memory(
                "the container ended with an error before Prefect knew how the flow run ended",
                evidence,
            )


def _deadline(evidence: Evidence) -> str:
    seconds = evidence.deadline_seconds
    known = f" ({seconds} s); null sets no deadline" if hit_deadline(evidence.run, seconds) else ""
    return f"it ran longer than settings_active_deadline_seconds{known}"


def _perhaps_memory(happened: str, evidence: Evidence) -> str:
    return f"{happened}{_while_running(evidence)}; {evidence.memory}. If that was too little, {_more(evidence)}"


def out_of_memory(evidence: Evidence) -> str:
    """Return a sentence about a container whose memory ran out: what it had and used, and what to ask for."""
    return (
        f"the container ran out of memory{_while_running(evidence)}; {evidence.memory}. "
        f"Next time {_more(evidence)}"
    )


def _while_running(evidence: Evidence) -> str:
    named = ", ".join(evidence.tasks[:_MAX_NAMED])
    more = len(evidence.tasks) - _MAX_NAMED
    return f" while {named}{f' and {more} more' if more > 0 else ''} ran" if named else ""


def _more(evidence: Evidence) -> str:
    """Return what to write for a container with more memory."""
    larger = with_more_memory(evidence.plan, evidence.plans)
    if larger is not None:
        return (
            f"ask for memory={larger.memory} (in Metaflow: @resources(memory={larger.memory})), "
            f"which gets plan {larger.id} ({larger.size})"
        )
    if evidence.plan.memory is None:
        return (
            "ask for more with the job variable memory (in Metaflow: @resources(memory=…)), "
            "or use a larger billing_deployment_plan"
        )
    return "make the step use less, or name a larger plan of your own account in billing_deployment_plan"


def waiting_for(containers: Sequence[Container]) -> str:
    """Return a sentence about why a flow run has not begun yet."""
    seen = {container.status for container in containers}
    if not seen:
        return "The job run waits for a machine with room for its plan."
    if ContainerStatus.RUNNING in seen:
        return "The container runs; the flow run has not begun in it yet."
    if ContainerStatus.STARTING in seen:
        return "The container is starting."
    if ContainerStatus.STAGING in seen:
        return "The container is being prepared: it waits for a machine, its image or its storage."
    return "The container has ended; Northflank has not concluded the run yet."
