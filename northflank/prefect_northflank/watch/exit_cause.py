"""Finds the cause of a container's end in what Northflank shows of its run; who reads it gets their own words. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from prefect_northflank.api.plans import PUBLISHED, Plan
from prefect_northflank.api.responses import (
    Container,
    ContainerStatus,
    JobRun,
    LogLine,
    RunStatus,
    moment,
)
from prefect_northflank.errors import UnexpectedResponse


class ExitCause(str, Enum):
    """Why a container ended."""

    DELETED = "deleted"
    """The job run is gone."""
    DEADLINE = "deadline"
    NO_IMAGE = "no image"
    """The image could not be pulled."""
    NO_COMMAND = "no command"
    """The image does not have the command."""
    OUT_OF_MEMORY = "out of memory"
    NO_MACHINE = "no machine"
    """No machine has room for the plan."""
    EVICTED = "evicted"
    EXIT_ZERO = "exit zero"
    """The command ended without an error."""
    NEVER_RAN = "never ran"
    KILLED = "killed"
    FAILED = "failed"
    """The command ended with an error."""


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

    @property
    def memory(self) -> str:
        """What the plan has and how much of it was used, as the part of a sentence."""
        size = f" ({self.plan.size})" if self.plan.size else ""
        used = (
            ""
            if self.peak_mb is None
            else f", of which up to {self.peak_mb:.0f} MB of memory were measured in use"
        )
        return f"it had plan {self.plan.id}{size}{used}"


_FULL = 0.9
"""The share of a plan's memory from which a container that was killed counts as out of memory: measurements have gaps."""

_SIGNS: tuple[tuple[re.Pattern[str], ExitCause], ...] = (
    (
        re.compile(
            r"ErrImagePull|ImagePullBackOff|pull access denied|manifest unknown|failed to pull|manifest for .* not found",
            re.IGNORECASE,
        ),
        ExitCause.NO_IMAGE,
    ),
    (
        re.compile(
            r"executable file not found|command not found|exec: .* not found|No such file or directory: '[^/']+'|exec format error",
            re.IGNORECASE,
        ),
        ExitCause.NO_COMMAND,
    ),
    (
        re.compile(r"OOMKilled|out of memory|MemoryError|Cannot allocate memory", re.IGNORECASE),
        ExitCause.OUT_OF_MEMORY,
    ),
    (
        re.compile(
            r"Unschedulable|Insufficient (cpu|memory|nvidia)|no nodes? available", re.IGNORECASE
        ),
        ExitCause.NO_MACHINE,
    ),
    (re.compile(r"DeadlineExceeded", re.IGNORECASE), ExitCause.DEADLINE),
    (re.compile(r"\bEvicted\b|\bPreempted\b"), ExitCause.EVICTED),
)


def cause_of(evidence: Evidence) -> ExitCause:
    """Return why the container ended."""
    run = evidence.run
    if run is None:
        return ExitCause.DELETED
    if hit_deadline(run, evidence.deadline_seconds):
        return ExitCause.DEADLINE
    # Such words are a sign only because this container failed; a flow may well write them and go on.
    for line in reversed(evidence.lines):
        for sign, cause in _SIGNS:
            if sign.search(line.text):
                return cause
    return _by_status(run, evidence)


def _by_status(run: JobRun, evidence: Evidence) -> ExitCause:
    seen = {container.status for container in evidence.containers}
    if run.status is RunStatus.SUCCESS:
        return ExitCause.EXIT_ZERO
    if not seen or all(status.is_waiting for status in seen):
        return ExitCause.NEVER_RAN
    if was_full(evidence):
        return ExitCause.OUT_OF_MEMORY
    if ContainerStatus.KILLED in seen or ContainerStatus.KILLING in seen:
        return ExitCause.KILLED
    return ExitCause.FAILED


def was_full(evidence: Evidence) -> bool:
    """Return whether the last measurement before the end was so close to the plan's memory that no other reason is likely."""
    memory, peak = evidence.plan.memory, evidence.peak_mb
    return memory is not None and peak is not None and peak >= _FULL * memory


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
