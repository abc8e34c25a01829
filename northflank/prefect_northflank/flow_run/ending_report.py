"""What follows when a watch has ended: find out why, tell Prefect what it cannot know, clean up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelled, Crashed

from prefect_northflank.api.answers import Container, LogLine
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.plans import PUBLISHED
from prefect_northflank.errors import NorthflankError, NotFound
from prefect_northflank.job.configuration import NorthflankJobConfiguration
from prefect_northflank.job.variables import DEFAULT_IMAGE
from prefect_northflank.records.flow_runs import PrefectLedger
from prefect_northflank.records.pid import InfrastructurePid
from prefect_northflank.watch.exit_reason import Evidence, hit_deadline, reason
from prefect_northflank.watch.watched_run import Ending, Fate

LAST_LINES = 25
"""Lines of container output that go with a crash."""

LONGEST_OF_THE_LAST_LINES = 1_000
"""Characters of each: a line may be one of 16 kB."""

FIRST_WAIT_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A flow run whose watch has ended."""

    flow_run: FlowRun
    configuration: NorthflankJobConfiguration
    pid: InfrastructurePid
    ending: Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Why a container ended, and the last lines it wrote."""

    reason: str
    lines: Sequence[LogLine]


async def report(
    case: Case,
    *,
    client: NorthflankClient,
    ledger: PrefectLedger,
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
) -> None:
    """Bring Prefect's state in line with what became of the container."""
    match case.ending.fate:
        case Fate.NEVER_BEGAN | Fate.DIED | Fate.PENDING_TOO_LONG:
            findings = await find_out(case, client)
            if case.ending.fate is Fate.PENDING_TOO_LONG:
                await _abort(case, client, logger)
            await _crash(case, findings, ledger=ledger, logger=logger)
        case Fate.CANCELLED_EARLY:
            await _abort(case, client, logger)
            await ledger.propose(
                case.flow_run.id, Cancelled(message="Cancelled before the flow run began.")
            )
        case Fate.CANCELLED:
            await ledger.propose(
                case.flow_run.id, Cancelled(message="The container ended while cancelling.")
            )
        case Fate.RESCHEDULED if hit_deadline(case.ending.run, _deadline(case)):
            # The deadline's SIGTERM made the flow hand itself back; executed again it would meet it again, for ever.
            await _crash(case, await find_out(case, client), ledger=ledger, logger=logger)
        case Fate.FINISHED | Fate.FORGOTTEN | Fate.SUPERSEDED | Fate.RESCHEDULED | Fate.SUSPENDED:
            return


async def find_out(case: Case, client: NorthflankClient) -> Findings:
    """Ask Northflank why the container ended. What cannot be asked now is left out, not waited for."""
    run, pid, wanted = case.ending.run, case.pid, case.configuration
    containers: Sequence[Container] = ()
    lines: Sequence[LogLine] = ()
    if run is not None:
        try:
            containers = await client.containers(pid.project, pid.job, run.id)
            lines = await client.log_lines(pid.project, pid.job, run.id, last=LAST_LINES)
        except NorthflankError as unknown:
            lines = [*lines, LogLine(text=f"(more could not be read: {unknown})", at="")]
    evidence = Evidence(
        run=run,
        containers=containers,
        lines=lines,
        deadline_seconds=_deadline(case),
        plan=wanted.plan_by(PUBLISHED),
        image=wanted.deployment_external_image_path or DEFAULT_IMAGE,
    )
    if case.ending.fate is Fate.PENDING_TOO_LONG:
        waited = (
            f"it did not begin within pending_timeout_seconds ({wanted.pending_timeout_seconds} s)"
        )
        return Findings(reason=f"{waited}: {reason(evidence)}", lines=lines)
    return Findings(reason=reason(evidence), lines=lines)


def _deadline(case: Case) -> int | None:
    return case.configuration.settings_active_deadline_seconds


async def _crash(
    case: Case,
    findings: Findings,
    *,
    ledger: PrefectLedger,
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
) -> None:
    """Propose Crashed, unless the flow run has got another state or another job run while we found out why."""
    record = (await ledger.records([case.flow_run.id])).get(case.flow_run.id)
    seen = case.ending.record
    if record is None or (record.state, record.pid) != (seen and seen.state, str(case.pid)):
        return
    written = "\n".join(line.text[:LONGEST_OF_THE_LAST_LINES] for line in findings.lines)
    if written:
        logger.error("Last lines of job run %s:\n%s", case.pid.run, written)
    await ledger.propose(
        case.flow_run.id,
        Crashed(message=f"Northflank job run {case.pid.run} of {case.pid.job}: {findings.reason}."),
    )


async def _abort(
    case: Case,
    client: NorthflankClient,
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
) -> None:
    if case.pid.run is None:
        return
    try:
        await client.abort_run(case.pid.project, case.pid.job, case.pid.run)
    except NotFound:
        return
    # Unreported, the flow run would be taken over and ended in this way again and again. A container that begins after
    # all finds that its claim is no longer the last state.
    except NorthflankError as error:
        logger.warning("Job run %s could not be aborted: %s", case.pid.run, error)


async def delete_job_of(
    client: NorthflankClient,
    pid: InfrastructurePid,
    *,
    ended: bool,
    patience: float,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Delete the job of a flow run that is over, once its container has ended or *patience* seconds are gone.

    A flow run is final before its container ends: hooks run and logs are sent after the last state.
    """
    waited, wait = 0.0, FIRST_WAIT_SECONDS
    while not ended and waited < patience and not await _has_ended(client, pid):
        await sleep(wait)
        waited += wait
        wait = min(wait * 2, LONGEST_WAIT_SECONDS)
    try:
        await client.delete_job(pid.project, pid.job)
    except NotFound:
        return


async def _has_ended(client: NorthflankClient, pid: InfrastructurePid) -> bool:
    if pid.run is None:
        return True
    try:
        return (await client.run(pid.project, pid.job, pid.run)).concluded
    except NotFound:
        return True
