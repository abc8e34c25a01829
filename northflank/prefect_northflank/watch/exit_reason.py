"""Explains why a container ended without a final state in Prefect, from what Northflank shows of its run. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

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
    plan: str
    image: str


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
        (
            "the container ran out of memory on plan {plan}: ask for more with the job variable memory (in Metaflow: "
            "@resources(memory=…)), or use a larger billing_deployment_plan"
        ),
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
                return words.format(image=evidence.image, plan=evidence.plan)
    return _by_status(run, evidence)


def _by_status(run: JobRun, evidence: Evidence) -> str:
    seen = {container.status for container in evidence.containers}
    if run.status is RunStatus.SUCCESS:
        return "the container ended with exit code 0 without telling Prefect how the flow run ended"
    if not seen or all(status.is_waiting for status in seen):
        return (
            f"its container never ran: the image {evidence.image} could not be pulled, "
            f"no machine had room for {evidence.plan}, or the run was aborted before"
        )
    if ContainerStatus.KILLED in seen or ContainerStatus.KILLING in seen:
        return (
            "the container was killed: out of memory, evicted, or the run was aborted in Northflank "
            f"(a larger billing_deployment_plan than {evidence.plan} helps against the first)"
        )
    return (
        "the container ended with an error before Prefect knew how the flow run ended; if it ran out of the memory of plan "
        f"{evidence.plan}, ask for more with the job variable memory (in Metaflow: @resources(memory=…))"
    )


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
