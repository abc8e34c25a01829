"""Explains why a container ended without a final state in Prefect, from what Northflank shows of its run. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prefect_northflank.api.plans import PUBLISHED, Plan, with_more_memory
from prefect_northflank.api.responses import (
    Container,
    ContainerStatus,
    JobRun,
    LogLine,
    RunStatus,
    moment,
)
from prefect_northflank.errors import UnexpectedResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known about a job run that ended."""

    run: JobRun | None
    containers: Sequence[Container]
    lines: Sequence[LogLine]
    deadline_seconds: int | None
    plan: Plan
    image: str
    peak_mb: float | None = None
    """The most memory that Northflank has measured."""
    tasks: Sequence[str] = ()
    """The tasks that were running."""
    plans: Sequence[Plan] = PUBLISHED
    """The plans that a container may get instead."""


_FULL = 0.9
"""The share of a plan's memory from which a container that was killed counts as out of memory: measurements have gaps."""

_MAX_NAMED = 3
"""How many tasks a message names."""

_SIGNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"ErrImagePull|ImagePullBackOff|pull access denied|manifest unknown|failed to pull|manifest for .* not found",
            re.IGNORECASE,
        ),
        "the image {image} could not be pulled: check its name and tag, and deployment_external_credentials",
    ),
    (
        re.compile(
            r"executable file not found|command not found|exec: .* not found|No such file or directory: '[^/']+'|exec format error",
            re.IGNORECASE,
        ),
        "the command was not found in the image {image}: check that Prefect is installed in it, the command and the entrypoint",
    ),
    (
        re.compile(r"OOMKilled|out of memory|MemoryError|Cannot allocate memory", re.IGNORECASE),
        "{out_of_memory}",
    ),
    (
        re.compile(
            r"Unschedulable|Insufficient (cpu|memory|nvidia)|no nodes? available", re.IGNORECASE
        ),
        "no machine could take the container: use another billing_deployment_plan than {plan}, or fewer GPUs",
    ),
    (
        re.compile(r"DeadlineExceeded", re.IGNORECASE),
        "it ran longer than settings_active_deadline_seconds",
    ),
    (re.compile(r"\bEvicted\b|\bPreempted\b"), "the container was evicted from its machine"),
)


def reason(evidence: Evidence) -> str:
    """Return a sentence about what happened and, if the user can do something about it, what."""
    run, deadline = evidence.run, evidence.deadline_seconds
    if run is None:
        return "the job run was deleted in Northflank"
    if hit_deadline(run, deadline):
        return f"it ran longer than settings_active_deadline_seconds ({deadline} s); null sets no deadline"
    # Such words are a sign only because this container failed; a flow may well write them and go on.
    for line in reversed(evidence.lines):
        for sign, words in _SIGNS:
            if sign.search(line.text):
                return words.format(
                    image=evidence.image,
                    plan=evidence.plan.id,
                    out_of_memory=out_of_memory(evidence),
                )
    return _by_status(run, evidence)


def _by_status(run: JobRun, evidence: Evidence) -> str:
    seen = {container.status for container in evidence.containers}
    if run.status is RunStatus.SUCCESS:
        return "the container ended with exit code 0 without telling Prefect how the flow run ended"
    if not seen or all(status.is_waiting for status in seen):
        return (
            f"its container never ran: the image {evidence.image} could not be pulled, "
            f"no machine had room for {evidence.plan.id}, or the run was aborted before"
        )
    if was_full(evidence):
        return out_of_memory(evidence)
    if ContainerStatus.KILLED in seen or ContainerStatus.KILLING in seen:
        happened = (
            "the container was killed: out of memory, evicted, or the run was aborted in Northflank"
        )
    else:
        happened = "the container ended with an error before Prefect knew how the flow run ended"
    return f"{happened}{_while_running(evidence)}; {_memory(evidence)}. If that was too little, {_more(evidence)}"


def was_full(evidence: Evidence) -> bool:
    """Return whether the last measurement before the end was so close to the plan's memory that no other reason is likely."""
    memory, peak = evidence.plan.memory, evidence.peak_mb
    return memory is not None and peak is not None and peak >= _FULL * memory


def out_of_memory(evidence: Evidence) -> str:
    """Return a sentence about a container whose memory ran out: what it had and used, and what to ask for."""
    return (
        f"the container ran out of memory{_while_running(evidence)}; {_memory(evidence)}. "
        f"Next time {_more(evidence)}"
    )


def _while_running(evidence: Evidence) -> str:
    named = ", ".join(evidence.tasks[:_MAX_NAMED])
    more = len(evidence.tasks) - _MAX_NAMED
    return f" while {named}{f' and {more} more' if more > 0 else ''} ran" if named else ""


def _memory(evidence: Evidence) -> str:
    """Return what the plan has, and how much of it was used."""
    plan, peak = evidence.plan, evidence.peak_mb
    size = f" ({plan.size})" if plan.size else ""
    used = "" if peak is None else f", of which up to {peak:.0f} MB of memory were measured in use"
    return f"it had plan {plan.id}{size}{used}"


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


def hit_deadline(run: JobRun | None, deadline_seconds: int | None) -> bool:
    """Return whether the run lasted as long as its deadline allows, to the second."""
    seconds = duration_seconds(run) if run is not None else None
    return deadline_seconds is not None and seconds is not None and seconds >= deadline_seconds - 1


def duration_seconds(run: JobRun) -> float | None:
    """Return how long the run took; None if Northflank does not say, or in an unknown form."""
    if not run.started_at or not run.concluded_at:
        return None
    try:
        began, ended = moment("startedAt", run.started_at), moment("concludedAt", run.concluded_at)
    # The crash must be reported all the same; the deadline is then ruled out as its reason.
    except UnexpectedResponse:
        return None
    return (ended - began).total_seconds()
