"""Asks Northflank why a container ended, or what it waits for; leaves out what it does not answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prefect_northflank.api.budget import Purpose
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import Container, JobRun, LogLine, Project
from prefect_northflank.errors import NorthflankError
from prefect_northflank.watch.exit_cause import Evidence, ExitCause, cause_of

from metaflow_northflank.broker.active_runs import ActiveRun
from metaflow_northflank.broker.step_jobs import StepJob
from metaflow_northflank.broker.wording import ending, waits_for

LAST_LINES = 25
LONGEST_LINE = 500
"""Characters of a line that are shown."""

_SAYS_NOTHING = frozenset({ExitCause.FAILED, ExitCause.EXIT_ZERO, ExitCause.NO_COMMAND})
"""Causes that only the container's own last lines explain."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Why a container ended, and its last lines where they say more."""

    reason: str
    is_about_memory: bool = False
    """Whether memory may have been the cause."""
    lines: Sequence[str] = ()


async def diagnose(
    client: NorthflankClient, project: Project, run: ActiveRun, job: StepJob
) -> Diagnosis:
    """Return why the container of *run* ended; takes up to four calls."""
    seen = run.seen or await _seen(client, project, run)
    containers: Sequence[Container] = ()
    lines: Sequence[LogLine] = ()
    peak: float | None = None
    if seen is not None:
        try:
            containers = await client.containers(project, run.job, run.run)
            lines = await client.log_lines(project, run.job, run.run, last=LAST_LINES)
            peak = (await client.metrics(project, run.job, run.run, seen=seen)).memory_mb
        except NorthflankError as error:
            lines = [*lines, LogLine(text=f"(more could not be read: {error})", at="")]
    evidence = Evidence(
        run=seen,
        containers=containers,
        lines=lines,
        deadline_seconds=job.settings.settings_active_deadline_seconds,
        plan=job.plan,
        image=job.settings.deployment_external_image_path or "of the job",
        peak_mb=peak,
    )
    cause = cause_of(evidence)
    shown = lines if cause in _SAYS_NOTHING else ()
    return Diagnosis(
        reason=ending(evidence),
        is_about_memory=cause in {ExitCause.OUT_OF_MEMORY, ExitCause.KILLED},
        lines=[line.text[:LONGEST_LINE] for line in shown],
    )


async def what_it_waits_for(
    client: NorthflankClient, project: Project, run: ActiveRun, job: StepJob
) -> str | None:
    """Return what the container of *run* waits for; None if Northflank does not answer now."""
    try:
        containers = await client.containers(project, run.job, run.run)
    except NorthflankError:
        return None
    image = job.settings.deployment_external_image_path or "of the job"
    return waits_for(tuple(containers), job.plan.id, image)


async def _seen(client: NorthflankClient, project: Project, run: ActiveRun) -> JobRun | None:
    try:
        return await client.run(project, run.job, run.run, purpose=Purpose.MONITORING)
    except NorthflankError:
        return None
