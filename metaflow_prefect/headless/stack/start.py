"""`up`: from settings to a running stack, in the foreground of a container or in the background."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from types import FrameType

from metaflow_prefect.headless import examples
from metaflow_prefect.headless.console import Console
from metaflow_prefect.headless.database import migrations, provisioning
from metaflow_prefect.headless.database.provisioning import ProvisionedDatabase
from metaflow_prefect.headless.errors import SettingsRefused, StackFailed
from metaflow_prefect.headless.files.layout import Layout, prepare, write_private
from metaflow_prefect.headless.files.secret_files import get_or_create_secret
from metaflow_prefect.headless.files.service_logs import LogForwarder
from metaflow_prefect.headless.files.stack_record import StackRecord, last_storage, load_record
from metaflow_prefect.headless.services import processes
from metaflow_prefect.headless.services.ports import NeededPort, free_port, require_free
from metaflow_prefect.headless.services.process_environment import Access
from metaflow_prefect.headless.services.services import Plan, Service, services
from metaflow_prefect.headless.services.supervisor_client import SupervisorClient, start_supervisor
from metaflow_prefect.headless.services.supervisord_conf import configuration
from metaflow_prefect.headless.settings import database_address
from metaflow_prefect.headless.settings.model import Settings
from metaflow_prefect.headless.stack import auth, lifecycle, redis_check, worker_types
from metaflow_prefect.version import VERSION

SUPERVISOR_TIMEOUT_SECONDS = 20
WATCH_EVERY_SECONDS = 1.0
LOOPBACK = "127.0.0.1"
WORKER_PORT = "PREFECT_WORKER_WEBSERVER_PORT"


class Stopped(Exception):
    """The process received SIGTERM or SIGINT (Ctrl-C)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """How `up` was called."""

    detach: bool
    wait_seconds: float
    with_worker: bool
    with_server: bool


def up(settings: Settings, options: UpOptions, console: Console) -> StackRecord:
    """Start a stack; in the foreground, return when it has been stopped.

    A stack that did not become healthy leaves no process, whatever the reason.

    Raises:
        HeadlessError: with the reason and what to do.
    """
    os.umask(0o077)
    layout = Layout(home=settings.home)
    further = (settings.flows_directory, settings.storage_directory)
    prepare(layout, settings.server.ui_static_directory, *further)
    examples.install(settings.flows_directory)
    if SupervisorClient(layout).pid() is not None:
        known = load_record(layout)
        if not SupervisorClient(layout).processes():
            raise StackFailed(
                f"the stack at {layout.home} is being stopped",
                fix="start it when `prefect-headless status` says that it does not run",
            )
        if options.detach and known is not None:
            patience = options.wait_seconds
            lifecycle.wait_until_running(layout, known, timeout_seconds=patience, console=console)
            console.say("the stack runs already; `down` and `up` again to change its settings")
            return known
        raise StackFailed(
            f"a stack runs already at PREFECT_HOME={layout.home}",
            fix="`prefect-headless status` shows it, `prefect-headless down` ends it",
        )
    with lifecycle.starting(layout):
        _end_leftovers(layout, console)
        if options.with_server:
            settings = with_free_port(settings)
        plan, record = make_plan(settings, layout, options, console)
        with _signals_raise_stopped():
            _run(plan, record, options, console)
    return record


def _run(plan: Plan, record: StackRecord, options: UpOptions, console: Console) -> None:
    """Start the services of *plan*; in the foreground, return when they end."""
    layout = plan.layout
    every = services(plan)
    console.say(f"starting {', '.join(service.name for service in every)}")
    pump = None
    try:
        supervisor = _start_supervisor(plan, record, every, options)
        pump = _forward_logs(layout, every, options)
        lifecycle.start_services(plan, every, timeout_seconds=options.wait_seconds, console=console)
        console.say(f"the stack is up: {record.ui_url}")
        if not options.detach:
            _watch_supervisor(layout, supervisor)
    except Stopped:
        console.say("stopping")
        lifecycle.stop_stack(layout)
        if options.detach:
            raise StackFailed(
                "interrupted: everything was stopped again",
                fix="`prefect-headless up -d` once more",
            ) from None
    except BaseException:
        # Any failure, Ctrl-C included, must not leave a half-started stack behind.
        lifecycle.stop_stack(layout)
        raise
    finally:
        if pump is not None:
            pump.stop()


def with_free_port(settings: Settings) -> Settings:
    """Return *settings* with a port chosen for the server if the user set 0."""
    if settings.server.port != 0:
        return settings
    return settings.on_port(free_port(settings.server.host))


def make_plan(
    settings: Settings, layout: Layout, options: UpOptions, console: Console
) -> tuple[Plan, StackRecord]:
    """Check and create everything a start needs; return what will be started, and the record of it."""
    count = settings.workers.count if options.with_worker else 0
    emulator_port = settings.emulator_port or free_port(LOOPBACK)
    worker_ports = tuple(_worker_ports(settings, count))
    require_free(*_needed_ports(settings, options, emulator_port, worker_ports))
    _require_worker_type(settings, count)
    provided, auth_string, notes = (
        _for_server(settings, layout, console)
        if options.with_server
        else (None, settings.server.auth_string, ())
    )
    plan = Plan(
        settings=settings,
        layout=layout,
        database=provided.database if provided else None,
        access=Access(
            auth_string=auth_string,
            emulator_url=f"http://{LOOPBACK}:{emulator_port}" if settings.emulator else None,
            emulator_token=get_or_create_secret(layout.emulator_token)
            if settings.emulator
            else None,
        ),
        cluster=provided.cluster if provided else None,
        worker_ports=worker_ports,
        host_name=_host_name(layout, options),
        emulator_port=emulator_port,
    )
    findings = (*settings.findings, *notes)
    for finding in findings:
        console.warn(finding)
    return plan, _record(plan, findings)


def _require_worker_type(settings: Settings, count: int) -> None:
    """Check that workers of the type can be started, unless it is a built-in one."""
    kind = settings.workers.type
    if count and kind not in worker_types.BUILT_IN and (why := worker_types.refusal(kind)):
        raise SettingsRefused((f"PREFECT_WORKER_POOL_TYPE={kind}: {why}; {worker_types.FIX}",))


def _host_name(layout: Layout, options: UpOptions) -> str:
    """Return the prefix of the workers' names: unique among stacks for the same server."""
    name = socket.gethostname()
    if options.with_server:
        return name
    return f"{name}-{hashlib.sha256(os.fsencode(layout.home)).hexdigest()[:6]}"


def _for_server(
    settings: Settings, layout: Layout, console: Console
) -> tuple[ProvisionedDatabase, str | None, tuple[str, ...]]:
    """Return what only a stack with a server needs: a database, an auth string, and warnings about them."""
    server = settings.server
    redis_check.require(settings)
    provided = provisioning.provide(settings, layout, say=console.say)
    if not server.migrate and provided.cluster is None:
        migrations.require_tables(provided.database)
    auth_string, auth_note = auth.provide(settings, layout)
    switched = database_address.switch_warning(last_storage(layout), provided.database)
    notes = (*settings.server_findings, provided.warning, auth_note, switched)
    return provided, auth_string, tuple(note for note in notes if note)


def _worker_ports(settings: Settings, count: int) -> Iterator[int]:
    """Yield a port for each worker's health address: the user's and those after it, or free ones."""
    first = int(settings.sources.get(WORKER_PORT) or 0)
    for index in range(count):
        yield first + index if first else free_port(LOOPBACK)


def _needed_ports(
    settings: Settings, options: UpOptions, emulator_port: int, worker_ports: tuple[int, ...]
) -> Iterator[NeededPort]:
    server = settings.server
    if options.with_server:
        yield NeededPort("the server", server.host, server.port, "PREFECT_SERVER_PORT")
    if settings.emulator:
        yield NeededPort("the emulator", LOOPBACK, emulator_port, "PREFECT_HEADLESS_EMULATOR_PORT")
    for number, port in enumerate(worker_ports, 1):
        yield NeededPort(f"worker {number}'s health probe", LOOPBACK, port, WORKER_PORT)


def _record(plan: Plan, findings: tuple[str, ...]) -> StackRecord:
    settings = plan.settings
    every = services(plan)
    reached = settings.server.local_url if plan.with_server else settings.api_url
    root = reached.removesuffix(settings.server.base_path)
    serve_base = settings.sources.get("PREFECT_SERVER_UI_SERVE_BASE") or ""
    return StackRecord(
        version=VERSION,
        supervisor_pid=0,
        started_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        services=tuple(service.name for service in every),
        api_url=settings.api_url,
        local_url=reached,
        ui_url=root + serve_base,
        ui_api_url=settings.ui_api_url,
        storage=plan.database.label if plan.database else None,
        storage_kind=plan.database.kind.value if plan.database else None,
        pool=settings.workers.pool,
        pool_type=settings.workers.type,
        authenticated=plan.access.auth_string is not None,
        health_urls={service.name: service.health_url for service in every if service.health_url},
        emulator_url=plan.access.emulator_url,
        findings=findings,
    )


def _start_supervisor(
    plan: Plan, record: StackRecord, every: tuple[Service, ...], options: UpOptions
) -> subprocess.Popen[bytes]:
    layout = plan.layout
    write_private(layout.configuration, configuration(layout, every))
    supervisor = start_supervisor(
        layout,
        every,
        die_with_parent=not options.detach,
        timeout_seconds=SUPERVISOR_TIMEOUT_SECONDS,
    )
    replace(record, supervisor_pid=supervisor.pid).save(layout)
    if plan.database is not None:
        write_private(layout.last_storage, plan.database.label + "\n")
    return supervisor


def _end_leftovers(layout: Layout, console: Console) -> None:
    """End the processes of a stack whose supervisor was killed: they would hold the ports."""
    ended = processes.end(layout.home, grace_seconds=lifecycle.GRACE_SECONDS)
    if ended:
        console.warn(f"ended {ended} processes of an earlier stack that lost its supervisor")


def _forward_logs(
    layout: Layout, every: tuple[Service, ...], options: UpOptions
) -> LogForwarder | None:
    if options.detach:
        return None

    def write(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    names = ("supervisord", *(service.name for service in every))
    pump = LogForwarder({name: layout.log(name) for name in names}, write)
    pump.start()
    return pump


def _watch_supervisor(layout: Layout, supervisor: subprocess.Popen[bytes]) -> None:
    """Return when the supervisor has ended by itself (`down` from another shell).

    Raises:
        StackFailed: a service was given up, or the supervisor was killed.
    """
    while supervisor.poll() is None:
        failure = lifecycle.service_failure(layout)
        if failure is not None:
            raise failure
        time.sleep(WATCH_EVERY_SECONDS)
    if supervisor.returncode != 0:
        raise StackFailed(
            f"the supervisor ended with {supervisor.returncode}",
            fix=f"see {layout.log('supervisord')}",
        )


@contextmanager
def _signals_raise_stopped() -> Iterator[None]:
    """Raise `Stopped` at SIGTERM and SIGINT, so that everything is stopped on the way out."""

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
