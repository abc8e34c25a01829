"""Emits Prefect events when job runs start and end, so that automations can act upon them."""

from __future__ import annotations

from enum import Enum

from prefect.events import RelatedResource, emit_event
from prefect.workers.base import BaseJobConfiguration

from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.watch.watched_run import WatchResult


class JobRunEvent(str, Enum):
    """Names of the events; their resource is `prefect.northflank.job-run.<id>`."""

    STARTED = "prefect.northflank.job-run.started"
    ENDED = "prefect.northflank.job-run.ended"


def emit_started(configuration: BaseJobConfiguration, pid: InfrastructurePid) -> None:
    """Emit the event of a job run that was started."""
    _emit(JobRunEvent.STARTED, configuration, pid, {})


def emit_ended(
    configuration: BaseJobConfiguration, pid: InfrastructurePid, result: WatchResult
) -> None:
    """Emit the event of a job run whose watch has ended, and why; `status` is Northflank's, if it was seen."""
    status = {"status": result.run.status.value} if result.run is not None else {}
    _emit(JobRunEvent.ENDED, configuration, pid, {"fate": result.outcome.value, **status})


def _emit(
    event: JobRunEvent,
    configuration: BaseJobConfiguration,
    pid: InfrastructurePid,
    payload: dict[str, str],
) -> None:
    resource = {
        "prefect.resource.id": f"prefect.northflank.job-run.{pid.run}",
        "prefect.resource.name": pid.job,
        "northflank.project": pid.project.id,
        "northflank.job": pid.job,
    }
    emit_event(
        event.value, resource=resource, related=_related(configuration), payload=dict(payload)
    )


def _related(configuration: BaseJobConfiguration) -> list[RelatedResource]:
    """Return flow run, flow, deployment and tags, as Prefect's own worker events name them."""
    return configuration._related_resources()  # noqa: SLF001  what Prefect's own integrations use for their events
