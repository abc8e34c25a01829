"""The programs of a stack: what is started, in which order, as whom and with which environment."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from metaflow_prefect.headless.files.layout import Layout
from metaflow_prefect.headless.services import process_environment
from metaflow_prefect.headless.services.process_environment import Access
from metaflow_prefect.headless.settings.database_address import Database
from metaflow_prefect.headless.settings.model import ALL_INTERFACES, Settings, bracketed

ALIASES = {
    "prefect-server": "server",
    "prefect-worker": "worker",
    "worker-1": "worker",
}
"""Service names of older documentation, accepted wherever a service is named."""


class StartOrder(int, Enum):
    """Start order; the supervisor stops in the opposite one."""

    DATABASE = 10
    SERVER = 20
    BACKGROUND = 25
    EMULATOR = 30
    WORKER = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One supervised program.

    `environment` is all it sees, `user` the one it runs as (None: the current one), `wait_for` the host and port
    that must accept connections before it begins. `settle_seconds` is longer than it takes to
    fail for good, also on a busy machine: only a service that ends sooner, again and again, is
    given up.
    """

    name: str
    command: tuple[str, ...]
    order: StartOrder
    environment: Mapping[str, str] = field(repr=False)
    directory: Path
    settle_seconds: int
    stop_signal: str = "TERM"
    stop_seconds: int = 30
    user: str | None = None
    health_url: str | None = None
    keep_stdout: bool = True
    wait_for: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The managed PostgreSQL cluster: its programs, its directory, its operating system user."""

    binaries: Path
    directory: Path
    user: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything needed to start a stack, decided; without `database`, workers only."""

    settings: Settings
    layout: Layout
    database: Database | None
    access: Access
    cluster: Cluster | None
    worker_ports: tuple[int, ...]
    host_name: str
    emulator_port: int = 0

    @property
    def with_server(self) -> bool:
        """Whether the server is one of the services, and not elsewhere."""
        return self.database is not None


def services(plan: Plan) -> tuple[Service, ...]:
    """Return the services of *plan* in their start order."""
    found: list[Service] = []
    if plan.cluster is not None:
        found.append(_postgres(plan, plan.cluster))
    if plan.database is not None:
        found += _servers(plan, plan.database)
    if plan.access.emulator_url:
        found.append(_emulator(plan))
    found += [_worker(plan, index, port) for index, port in enumerate(plan.worker_ports, 1)]
    return tuple(found)


def as_environment(every: tuple[Service, ...]) -> str:
    """Return the environments as one text for the supervisor's own environment, never for a file."""
    return json.dumps(
        {
            service.name: {
                "command": service.command,
                "environment": dict(service.environment),
                "user": service.user,
                "wait_for": service.wait_for,
            }
            for service in every
        }
    )


def resolve_name(name: str, known: tuple[str, ...]) -> str | None:
    """Return the service that the user calls *name*, None if there is none."""
    candidates = (name, ALIASES.get(name, name))
    return next((candidate for candidate in candidates if candidate in known), None)


def worker_name(index: int) -> str:
    """Return a worker's name: the first is `worker`, as most stacks have one; others have a number."""
    return "worker" if index == 1 else f"worker-{index}"


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _postgres(plan: Plan, cluster: Cluster) -> Service:
    postgres = plan.settings.storage.postgres
    return Service(
        name="postgres",
        command=(
            str(cluster.binaries / "postgres"),
            *("-D", str(cluster.directory)),
            *("-c", f"listen_addresses={postgres.host}"),
            *("-c", f"port={postgres.port}"),
            # Everything goes over TCP with a password: no socket in a directory others can write.
            *("-c", "unix_socket_directories="),
            *("-c", "max_connections=200"),
        ),
        order=StartOrder.DATABASE,
        environment=process_environment.for_postgres(plan.settings),
        directory=Path("/"),
        settle_seconds=5,
        stop_signal="INT",
        stop_seconds=60,
        user=cluster.user,
    )


def _servers(plan: Plan, database: Database) -> list[Service]:
    """Return the server, and with several API processes a separate one for the background services."""
    processes = plan.settings.server.api_processes
    postgres = plan.settings.storage.postgres
    several = ("--workers", str(processes)) if processes > 1 else ()
    server = Service(
        name="server",
        command=(
            *(sys.executable, "-m", "metaflow_prefect.headless.services.serve"),
            *("server", "start", *several),
        ),
        order=StartOrder.SERVER,
        environment=process_environment.for_server(plan.settings, plan.access, database),
        directory=plan.layout.work,
        settle_seconds=30,
        health_url=f"{plan.settings.server.local_url}/ready",
        # Without its database it exits after a minute of tracebacks.
        wait_for=(postgres.host, postgres.port) if plan.cluster is not None else None,
    )
    if processes == 1:
        return [server]
    background = replace(
        server,
        name="background",
        command=(sys.executable, "-m", "prefect", "server", "services", "start"),
        order=StartOrder.BACKGROUND,
        health_url=None,
    )
    return [server, background]


def _emulator(plan: Plan) -> Service:
    return Service(
        name="emulator",
        command=(
            *(sys.executable, "-m", "northflank_emulator.cli"),
            *("--port", str(plan.emulator_port)),
            *("--state-dir", str(plan.layout.emulator_state)),
        ),
        order=StartOrder.EMULATOR,
        environment=process_environment.for_emulator(plan.settings, plan.access),
        directory=plan.layout.work,
        settle_seconds=10,
        health_url=f"{plan.access.emulator_url}/_emulator/health",
        # Its first lines show the token.
        keep_stdout=False,
    )


def _worker(plan: Plan, index: int, port: int) -> Service:
    workers = plan.settings.workers
    given = process_environment.for_worker(plan.settings, plan.access, health_port=port)
    listens = given["PREFECT_WORKER_WEBSERVER_HOST"]
    return Service(
        name=worker_name(index),
        command=(
            *(sys.executable, "-m", "prefect", "worker", "start"),
            *("--pool", workers.pool, "--type", workers.type),
            *("--limit", str(workers.limit)),
            *("--name", f"{plan.host_name}-{index}"),
            *("--with-healthcheck", "--install-policy", "never"),
        ),
        order=StartOrder.WORKER,
        environment=given,
        directory=plan.layout.work,
        settle_seconds=15,
        health_url=f"http://{bracketed(ALL_INTERFACES.get(listens, listens))}:{port}/health",
        # A worker that finds no server logs a traceback and tries again only half a minute later.
        wait_for=_address(plan.settings.api_url),
    )
