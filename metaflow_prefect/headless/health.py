"""Whether a stack is well: its processes, the server and its database, the workers, the queue."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum

import httpx

from metaflow_prefect.headless.record import Record
from metaflow_prefect.headless.server_api import UNREACHABLE, Queue, ServerApi, answers
from metaflow_prefect.headless.supervisor import ProcessState, State


class Verdict(str, Enum):
    """The health of the whole; `exit_code` is that of `prefect-headless status`."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    NOT_RUNNING = "not running"

    @property
    def exit_code(self) -> int:
        """0 healthy, 1 something is wrong, 3 nothing runs (as `systemctl status` has it)."""
        match self:
            case Verdict.HEALTHY:
                return 0
            case Verdict.UNHEALTHY:
                return 1
            case Verdict.NOT_RUNNING:
                return 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceHealth:
    """One service; `healthy` is what its own probe says, or that it runs if it has none."""

    name: str
    state: State
    pid: int | None
    uptime_seconds: int | None
    healthy: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A stack at one moment; what could not be asked is None, `problems` says why."""

    verdict: Verdict
    services: tuple[ServiceHealth, ...]
    api: bool
    database: bool
    online_workers: tuple[str, ...] | None
    queue: Queue | None
    problems: tuple[str, ...]


def examine(
    record: Record | None, processes: tuple[ProcessState, ...], auth_string: str | None
) -> Health:
    """Ask every part of the stack how it is; without processes nothing is asked."""
    if record is None or not processes:
        return _nothing_runs()
    services = tuple(_service(record, process) for process in processes)
    problems = [
        f"{service.name} is {service.state.value.lower()}: {service.note}"
        if service.state is not State.RUNNING and service.note
        else f"{service.name} runs but is not healthy"
        for service in services
        if not service.healthy
    ]
    api = answers(f"{record.local_url}/health")
    database = answers(f"{record.local_url}/ready")
    if api and not database:
        problems.append(f"the server cannot use its database, {record.storage or 'elsewhere'}")
    workers, queue, why = _ask(record, auth_string) if api else (None, None, "")
    if not api:
        problems.append(f"no server answers at {record.local_url}")
    problems += [why] if why else []
    well = api and database and all(service.healthy for service in services)
    return Health(
        verdict=Verdict.HEALTHY if well else Verdict.UNHEALTHY,
        services=services,
        api=api,
        database=database,
        online_workers=workers,
        queue=queue,
        problems=tuple(problems),
    )


def _nothing_runs() -> Health:
    return Health(
        verdict=Verdict.NOT_RUNNING,
        services=(),
        api=False,
        database=False,
        online_workers=None,
        queue=None,
        problems=(),
    )


def _service(record: Record, process: ProcessState) -> ServiceHealth:
    probe = record.health_urls.get(process.name)
    runs = process.state.has_process
    return ServiceHealth(
        name=process.name,
        state=process.state,
        pid=process.pid,
        uptime_seconds=int(time.time() - process.since) if runs else None,
        healthy=runs and (probe is None or answers(probe)),
        note=process.note,
    )


def _ask(
    record: Record, auth_string: str | None
) -> tuple[tuple[str, ...] | None, Queue | None, str]:
    try:
        with ServerApi(record.local_url, auth_string) as api:
            return api.online_workers(record.pool), api.queue(), ""
    except httpx.HTTPStatusError as error:
        if error.response.status_code == httpx.codes.UNAUTHORIZED:
            reason = "the server wants another auth string: set PREFECT_API_AUTH_STRING"
            return None, None, f"workers and queue are unknown ({reason})"
        return None, None, f"workers and queue are unknown ({error})"
    except UNREACHABLE as error:
        return None, None, f"workers and queue are unknown ({error})"
