"""The health of a stack: its processes, the server and its database, the workers, the queue."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from enum import Enum

import httpx

from metaflow_prefect.headless.files.stack_record import StackRecord
from metaflow_prefect.headless.services.supervisor_client import ProcessState, State
from metaflow_prefect.headless.stack.server_api import (
    UNREACHABLE,
    HealthAnswer,
    Queue,
    ServerApi,
    is_answering,
    probe,
)

STARTING_SECONDS = 180
"""How long a service may take to answer for the first time; as long as `up` waits by default."""


class Verdict(str, Enum):
    """The health of the whole; `exit_code` is that of `prefect-headless status`."""

    HEALTHY = "healthy"
    STARTING = "starting"
    UNHEALTHY = "unhealthy"
    UNSUPERVISED = "without its supervisor"
    NOT_RUNNING = "not running"

    @property
    def exit_code(self) -> int:
        """0 healthy, 1 not (yet), 3 nothing runs (as `systemctl status` has it)."""
        match self:
            case Verdict.HEALTHY:
                return 0
            case Verdict.STARTING | Verdict.UNHEALTHY | Verdict.UNSUPERVISED:
                return 1
            case Verdict.NOT_RUNNING:
                return 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceHealth:
    """One service; `healthy` is what its own probe says, or that it runs if it has none.

    `starting` is one whose process is young and does not listen yet: Prefect's server and workers
    listen only once they can serve, so one that answers badly has started and something is wrong.
    """

    name: str
    state: State
    pid: int | None
    uptime_seconds: int | None
    healthy: bool
    starting: bool
    note: str

    @property
    def problem(self) -> str | None:
        """What is wrong with it, in words."""
        if self.healthy or self.starting:
            return None
        if self.state is not State.RUNNING and self.note:
            return f"{self.name} is {self.state.value.lower()}: {self.note}"
        return f"{self.name} runs but is not healthy"


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

    def of(self, name: str) -> Health:
        """Return the health of the service *name* only."""
        (service,) = (service for service in self.services if service.name == name)
        return replace(
            self,
            verdict=_verdict(well=service.healthy, starting=service.starting, services=(service,)),
            services=(service,),
            problems=(service.problem,) if service.problem else (),
        )


def without_supervisor(
    record: StackRecord | None, left_over: tuple[int, ...], *, being_started: bool
) -> Health:
    """Return the health where no supervisor answers; *left_over* are processes of the stack."""
    if being_started:
        return replace(_nothing_runs(), verdict=Verdict.STARTING)
    return _unsupervised(record, left_over) if left_over else _nothing_runs()


def check_health(
    record: StackRecord | None, processes: tuple[ProcessState, ...], auth_string: str | None
) -> Health:
    """Return the health of every part of the stack; without processes, nothing is asked."""
    if record is None or not processes:
        return _nothing_runs()
    services = tuple(_service(record, process) for process in processes)
    starting = any(service.starting for service in services)
    api = is_answering(f"{record.local_url}/health")
    database = is_answering(f"{record.local_url}/ready")
    workers, queue, why = _work(record, auth_string) if api else (None, None, "")
    of_server = () if starting else _server_problems(record, api=api, database=database)
    of_services = (service.problem for service in services)
    return Health(
        verdict=_verdict(
            well=api and database and all(service.healthy for service in services),
            starting=starting,
            services=services,
        ),
        services=services,
        api=api,
        database=database,
        online_workers=workers,
        queue=queue,
        problems=tuple(problem for problem in (*of_services, *of_server, why) if problem),
    )


def _server_problems(record: StackRecord, *, api: bool, database: bool) -> tuple[str, ...]:
    if not api:
        return (f"no server answers at {record.local_url}",)
    if not database:
        return (f"the server cannot use its database, {record.storage or 'elsewhere'}",)
    return ()


def _verdict(*, well: bool, starting: bool, services: tuple[ServiceHealth, ...]) -> Verdict:
    if well:
        return Verdict.HEALTHY
    only_starting = starting and not any(service.problem for service in services)
    return Verdict.STARTING if only_starting else Verdict.UNHEALTHY


def _unsupervised(record: StackRecord | None, left_over: tuple[int, ...]) -> Health:
    """Return the health after the supervisor was killed: its services still run and hold their ports."""
    api = record is not None and is_answering(f"{record.local_url}/health")
    holds = f", and the server answers at {record.local_url}" if record and api else ""
    goes_on = (
        f"{len(left_over)} processes still run" if len(left_over) > 1 else "a process still runs"
    )
    problem = (
        f"the supervisor is gone, but {goes_on} ({', '.join(map(str, left_over))}){holds}: "
        "`prefect-headless up -d` ends what is left and starts the stack again, "
        "`prefect-headless down` only ends it"
    )
    return replace(_nothing_runs(), verdict=Verdict.UNSUPERVISED, api=api, problems=(problem,))


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


def _service(record: StackRecord, process: ProcessState) -> ServiceHealth:
    health_url = record.health_urls.get(process.name)
    runs = process.state.has_process
    uptime = int(time.time() - process.since) if runs else None
    answer = probe(health_url) if runs and health_url else HealthAnswer.OK
    healthy = runs and answer is HealthAnswer.OK
    is_young = process.state in {State.STARTING, State.RUNNING} and (uptime or 0) < STARTING_SECONDS
    return ServiceHealth(
        name=process.name,
        state=process.state,
        pid=process.pid,
        uptime_seconds=uptime,
        healthy=healthy,
        starting=is_young and answer is HealthAnswer.NOT_LISTENING,
        note=process.note,
    )


def _work(
    record: StackRecord, auth_string: str | None
) -> tuple[tuple[str, ...] | None, Queue | None, str]:
    """Return the workers that are online, the queue, and why these are unknown, if they are."""
    try:
        with ServerApi(record.local_url, auth_string) as api:
            return api.online_workers(record.pool), api.queue(), ""
    except httpx.HTTPStatusError as error:
        if error.response.status_code == httpx.codes.UNAUTHORIZED:
            reason = "the server requires another auth string: set PREFECT_API_AUTH_STRING"
            return None, None, f"workers and queue are unknown ({reason})"
        return None, None, f"workers and queue are unknown ({error})"
    except UNREACHABLE as error:
        return None, None, f"workers and queue are unknown ({error})"
