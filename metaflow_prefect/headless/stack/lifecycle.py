"""Starts, waits for and stops the services of a stack, as its plan says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fcntl import LOCK_EX, LOCK_NB, flock
from typing import IO

import httpx

from metaflow_prefect.headless.console import Console
from metaflow_prefect.headless.database import migrations, provisioning
from metaflow_prefect.headless.errors import (
    NotRunning,
    SettingsRefused,
    StackFailed,
    StorageRefused,
)
from metaflow_prefect.headless.files.layout import Layout
from metaflow_prefect.headless.files.service_logs import last_lines
from metaflow_prefect.headless.files.stack_record import StackRecord, forget
from metaflow_prefect.headless.services import processes
from metaflow_prefect.headless.services.services import Plan, Service, StartOrder
from metaflow_prefect.headless.services.supervisor_client import State, SupervisorClient
from metaflow_prefect.headless.settings.database_address import Database, ProbeResult
from metaflow_prefect.headless.stack.server_api import ServerApi, UnknownVariables, is_answering
from metaflow_prefect.headless.waiting import wait_until

CLUSTER_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 90
GRACE_SECONDS = 5
TAIL_LINES = 15
LOCK_SECONDS = 1
"""`status` takes the lock for a moment to see whether it is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedService:
    """A service whose health is waited for; it is healthy when it runs if it has no probe."""

    name: str
    health_url: str | None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A wait for services of a stack, one after the other, that ends at *deadline*."""

    layout: Layout
    supervisor: SupervisorClient
    console: Console
    deadline: float

    @classmethod
    def of(
        cls, layout: Layout, supervisor: SupervisorClient, console: Console, *, seconds: float
    ) -> Wait:
        """Return a wait that begins now and takes at most *seconds*."""
        until = time.monotonic() + seconds
        return cls(layout=layout, supervisor=supervisor, console=console, deadline=until)

    @property
    def seconds_left(self) -> float:
        """How long the wait may go on."""
        return self.deadline - time.monotonic()

    def until(
        self, is_ready: Callable[[], bool], *, service: str, failed: str, what: str = ""
    ) -> None:
        """Return when *is_ready*; tell the user meanwhile that *what* is waited for.

        Raises:
            StackFailed: any service was given up, or *service* has *failed* in time.
        """

        def look() -> bool:
            if is_ready():
                return True
            _raise_if_given_up(self.layout, self.supervisor, service)
            self.console.wait(what or service)
            return False

        if not wait_until(look, seconds=self.seconds_left, every=0.2):
            raise _failure(self.layout, service, f"{failed} in time")

    def until_healthy(self, awaited: AwaitedService) -> None:
        """Return when the service is healthy.

        Raises:
            StackFailed: any service was given up, or this one was not healthy in time.
        """
        self.until(
            lambda: _is_healthy(self.supervisor, awaited),
            service=awaited.name,
            failed="was not healthy",
            what=awaited.name + awaited.detail,
        )


@contextmanager
def starting(layout: Layout) -> Iterator[None]:
    """Hold the lock that prevents two starts of the same stack at once.

    Raises:
        StackFailed: another start is in progress.
    """
    with layout.lock.open("w") as file:
        if not wait_until(lambda: _try_lock(file), seconds=LOCK_SECONDS, every=0.05):
            raise StackFailed(f"another `up` of {layout.home} is in progress", fix="wait for it")
        yield


def is_being_started(layout: Layout) -> bool:
    """Return whether an `up` is in progress, or stays in the foreground."""
    if not layout.lock.exists():
        return False
    with layout.lock.open("r+") as file:
        return not _try_lock(file)


def _try_lock(file: IO[str]) -> bool:
    """Take the lock if it is free; closing *file* releases it."""
    try:
        flock(file, LOCK_EX | LOCK_NB)
    except OSError:
        return False
    return True


def wait_until_running(
    layout: Layout, record: StackRecord, *, timeout_seconds: float, console: Console
) -> None:
    """Return when every service of a stack that runs already is healthy; start none of them.

    Raises:
        StackFailed: one does not run, gave up, or was not healthy in time.
    """
    supervisor = SupervisorClient(layout)
    wait = Wait.of(layout, supervisor, console, seconds=timeout_seconds)
    ended = [item.name for item in supervisor.processes() if not item.state.has_process]
    if ended:
        raise StackFailed(
            f"the stack runs already, but without {', '.join(ended)}",
            fix="`prefect-headless status` says why; `prefect-headless restart` restarts all",
        )
    for name in record.services:
        probe = record.health_urls.get(name)
        wait.until_healthy(AwaitedService(name=name, health_url=probe))
    console.rest()


def start_services(
    plan: Plan,
    every: tuple[Service, ...],
    *,
    timeout_seconds: float,
    console: Console,
) -> None:
    """Start the services of a running supervisor in order and return when all are healthy.

    Raises:
        StackFailed: a service gave up or was not healthy in time.
        StorageRefused: the managed cluster refuses the connection.
        SettingsRefused: the work pool exists with another type.
    """
    supervisor = SupervisorClient(plan.layout)
    wait = Wait.of(plan.layout, supervisor, console, seconds=timeout_seconds)
    if plan.database is None:
        _await_server_elsewhere(plan, wait)
    else:
        _prepare_database(plan, plan.database, wait)
    makes_tables = plan.database is not None and plan.database.is_missing_file
    # Each waits itself for what it needs.
    for service in every:
        supervisor.start(service.name)
    for service in every:
        first = makes_tables and service.order is StartOrder.SERVER
        detail = ", which creates the tables of a new database" if first else ""
        awaited = AwaitedService(name=service.name, health_url=service.health_url, detail=detail)
        wait.until_healthy(awaited)
        if service.order is StartOrder.SERVER:
            console.say(f"server is ready at {plan.settings.server.local_url}")
            _prepare_server(plan)
    if plan.worker_ports:
        _await_workers(plan, wait)
    console.rest()


def start_and_wait(
    layout: Layout, every: tuple[AwaitedService, ...], *, timeout_seconds: float, console: Console
) -> None:
    """Start services of a running stack and return when all of them are healthy.

    Raises:
        StackFailed: one gave up or was not healthy in time; none is stopped for that.
        NotRunning: the stack is ending.
    """
    supervisor = SupervisorClient(layout)
    wait = Wait.of(layout, supervisor, console, seconds=timeout_seconds)
    for awaited in every:
        supervisor.start(awaited.name)
    for awaited in every:
        wait.until_healthy(awaited)
    console.rest()


def _prepare_database(plan: Plan, database: Database, wait: Wait) -> None:
    """Start the managed cluster, and create the tables where the server cannot."""
    if plan.cluster is not None:
        wait.supervisor.start("postgres")
        _await_cluster(database, wait)
    if not plan.settings.server.migrate:
        migrations.require_tables(database)
    if plan.settings.server.migrates_beforehand:
        wait.console.say("creating or upgrading the tables")
        with plan.layout.log("server").open("ab") as log:
            migrations.upgrade(plan.settings, database, log=log)


def _await_server_elsewhere(plan: Plan, wait: Wait) -> None:
    """Return when the server that the workers are for is_answering, and its pool fits them."""
    url = plan.settings.api_url

    def is_there() -> bool:
        wait.console.wait(f"the server at {url}")
        return is_answering(f"{url}/health")

    if not wait_until(is_there, seconds=wait.seconds_left, every=0.5):
        raise StackFailed(
            f"no Prefect server answers at {url}/health",
            fix="start it, or correct PREFECT_API_URL",
        )
    with _api(plan) as api:
        _check_pool(api, plan.settings.workers.pool, plan.settings.workers.type)


def _await_cluster(database: Database, wait: Wait) -> None:
    def is_ready() -> bool:
        probe = provisioning.make_ready(database, timeout_seconds=0)
        if probe.result in {ProbeResult.READY, ProbeResult.UNREACHABLE}:
            return probe.result is ProbeResult.READY
        raise StorageRefused(f"the managed cluster: {probe.reason}", fix=probe.fix)

    until = time.monotonic() + CLUSTER_TIMEOUT_SECONDS
    replace(wait, deadline=until).until(is_ready, service="postgres", failed="did not answer")


def _is_healthy(supervisor: SupervisorClient, awaited: AwaitedService) -> bool:
    states = {process.name: process.state for process in supervisor.processes()}
    if not states.get(awaited.name, State.UNKNOWN).has_process:
        return False
    return awaited.health_url is None or is_answering(awaited.health_url)


def _raise_if_given_up(layout: Layout, supervisor: SupervisorClient, name: str) -> None:
    found = supervisor.processes()
    if not found:
        raise _failure(layout, "supervisord", "ended")
    gone = next((process for process in found if process.state is State.FATAL), None)
    if gone is not None and gone.name:
        raise _failure(layout, gone.name, f"gave up while {name} was starting")


def service_failure(layout: Layout) -> StackFailed | None:
    """Return the error about a service that the supervisor has given up, None if there is none."""
    fatal = [
        item.name for item in SupervisorClient(layout).processes() if item.state is State.FATAL
    ]
    return _failure(layout, fatal[0], "gave up") if fatal else None


def _failure(layout: Layout, name: str, what: str) -> StackFailed:
    tail = "\n".join(f"  {line}" for line in last_lines(layout.log(name), TAIL_LINES))
    return StackFailed(f"{name} {what}; its log ends:\n{tail}", fix=f"see {layout.log(name)}")


def _prepare_server(plan: Plan) -> None:
    """Create the automation, and check the type of the work pool, before the first flow run."""
    settings = plan.settings
    with _api(plan) as api:
        if settings.crash_zombies:
            api.ensure_zombie_automation()
        if plan.worker_ports:
            _check_pool(api, settings.workers.pool, settings.workers.type)


def _await_workers(plan: Plan, wait: Wait) -> None:
    """Return when every worker polls its pool; then set the defaults of the job variables."""
    workers = plan.settings.workers
    wanted = {f"{plan.host_name}-{index}" for index in range(1, len(plan.worker_ports) + 1)}
    with _api(plan) as api:
        wait.until(
            lambda: wanted <= set(api.online_workers(workers.pool)),
            service="worker",
            failed="did not reach the server",
            what="the workers to reach the server",
        )
        if not workers.variables:
            return
        try:
            api.set_job_variables(workers.pool, workers.variables)
        except UnknownVariables as error:
            problem = (
                f"PREFECT_WORKER_POOL_VARIABLES: the pool {workers.pool!r} has no job variable "
                f"{', '.join(error.unknown)}; it has {', '.join(error.known)}"
            )
            raise SettingsRefused((problem,)) from error


@contextmanager
def _api(plan: Plan) -> Iterator[ServerApi]:
    """Yield the server's API; an HTTP error becomes `StackFailed`."""
    ours = plan.with_server
    server = plan.settings.server.local_url if ours else plan.settings.api_url
    try:
        with ServerApi(server, plan.access.auth_string) as api:
            yield api
    except httpx.HTTPError as error:
        elsewhere = "correct PREFECT_API_URL, or PREFECT_API_AUTH_STRING if the answer was 401"
        raise StackFailed(
            f"the server at {server} refused a request: {error}",
            fix=f"see {plan.layout.log('server')}" if ours else elsewhere,
        ) from error


def _check_pool(api: ServerApi, pool: str, wanted: str) -> None:
    found = api.pool_type(pool)
    if found is not None and found != wanted:
        problem = (
            f"PREFECT_WORKER_POOL_TYPE={wanted}, but the work pool {pool!r} exists with type "
            f"{found!r}: set the type to {found}, or choose another PREFECT_WORKER_POOL_NAME"
        )
        raise SettingsRefused((problem,))


def stop_stack(layout: Layout) -> int:
    """Stop every process of the stack at *layout*; return how many the supervisor had left over.

    Raises:
        StackFailed: a process survived even force.
    """
    supervisor = SupervisorClient(layout)
    pid = supervisor.pid()
    if pid is not None:
        supervisor.shut_down()
        if not processes.wait_until_gone((pid,), timeout_seconds=STOP_TIMEOUT_SECONDS):
            processes.end(layout.home, grace_seconds=GRACE_SECONDS)
    left_over = processes.end(layout.home, grace_seconds=GRACE_SECONDS)
    remaining = processes.of_stack(layout.home)
    if remaining:
        raise StackFailed(
            f"processes {', '.join(map(str, remaining))} of the stack cannot be ended",
            fix="end them yourself",
        )
    for path in (layout.record, layout.socket, layout.pid_file, layout.configuration):
        forget(path)
    return left_over


def require_running(layout: Layout) -> SupervisorClient:
    """Return the supervisor of the stack at *layout*.

    Raises:
        NotRunning: there is none.
    """
    supervisor = SupervisorClient(layout)
    if supervisor.pid() is not None:
        return supervisor
    left_over = processes.of_stack(layout.home)
    if left_over:
        raise NotRunning(
            f"the stack at PREFECT_HOME={layout.home} lost its supervisor; {len(left_over)} "
            "of its processes still run",
            fix="`prefect-headless up -d` ends them and starts it again",
        )
    raise NotRunning(
        f"no stack runs at PREFECT_HOME={layout.home}",
        fix="start one with `prefect-headless up -d`, or set PREFECT_HOME to the one you mean",
    )
