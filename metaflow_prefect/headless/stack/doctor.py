"""Checks everything a stack needs, and says how to fix what is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from metaflow_prefect.headless.database import migrations, provisioning
from metaflow_prefect.headless.errors import HeadlessError
from metaflow_prefect.headless.files.layout import Layout, prepare
from metaflow_prefect.headless.services import processes
from metaflow_prefect.headless.services.ports import NeededPort, require_free
from metaflow_prefect.headless.services.supervisor_client import SupervisorClient
from metaflow_prefect.headless.settings.database_address import Database, DatabaseKind, ProbeResult
from metaflow_prefect.headless.settings.model import Settings
from metaflow_prefect.headless.stack import redis_check, worker_types

IMPORT_SERVER_SCRIPT = "import prefect.server.api.server"
"""Run by the Python that will run the services; the server's own import is what FastAPI breaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question and its answer; `problem` is empty if all is well."""

    name: str
    detail: str = ""
    problem: str = ""
    fix: str = ""


def run_checks(settings: Settings) -> Iterator[Check]:
    """Yield every check, one after the other; those that start Python take a few seconds."""
    layout = Layout(home=settings.home)
    running = SupervisorClient(layout).pid() is not None
    yield _settings(settings)
    yield _tried("home", str(layout.home), lambda: prepare(layout))
    yield _server_import()
    yield _worker_type(settings)
    left_over = () if running else processes.of_stack(layout.home)
    if running:
        yield Check(name="port", detail=f"{settings.server.port} (the stack is running)")
    elif left_over:
        yield Check(
            name="stack",
            problem=f"it lost its supervisor; {len(left_over)} of its processes still run",
            fix="`prefect-headless up -d` ends them and starts it again",
        )
    else:
        yield _port(settings)
        yield _tried("redis", _redis(settings), lambda: redis_check.require(settings))
        chosen = provisioning.current(settings, layout)
        yield (usable := _database(chosen, layout))
        is_ready = not usable.problem and chosen.kind is not DatabaseKind.MANAGED
        if is_ready and not settings.server.migrate:
            yield _tried("tables", "they are there", lambda: migrations.require_tables(chosen))


def _settings(settings: Settings) -> Check:
    findings = (*settings.findings, *settings.server_findings)
    if findings:
        return Check(
            name="settings",
            problem="; ".join(findings),
            fix="correct or remove these variables",
        )
    return Check(name="settings", detail="no unknown or contradictory variable")


def _tried(name: str, detail: str, attempt: Callable[[], None]) -> Check:
    try:
        attempt()
    except HeadlessError as error:
        return Check(name=name, problem=error.problem, fix=error.fix)
    return Check(name=name, detail=detail)


def _port(settings: Settings) -> Check:
    server = settings.server
    if server.port == 0:
        return Check(name="port", detail="any free one")
    return _tried(
        "port",
        f"{server.host}:{server.port} is free",
        lambda: require_free(
            NeededPort("the server", server.host, server.port, "PREFECT_SERVER_PORT")
        ),
    )


def _redis(settings: Settings) -> str:
    several = settings.server.api_processes > 1
    return "several API processes can talk to each other" if several else "not needed"


def _server_import() -> Check:
    done = subprocess.run(
        (sys.executable, "-c", IMPORT_SERVER_SCRIPT), capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return Check(name="prefect", detail="the server can be imported")
    return Check(
        name="prefect",
        problem=f"Prefect's server cannot be imported: {_last_line(done.stderr)}",
        fix='pip install "fastapi>=0.139,<0.151" (newer ones break Prefect 3.8), or reinstall Prefect',
    )


def _worker_type(settings: Settings) -> Check:
    kind = settings.workers.type
    problem = worker_types.refusal(kind)
    if problem is None:
        return Check(name="worker", detail=f"type {kind!r} is installed")
    return Check(name="worker", problem=problem, fix=worker_types.FIX)


def _database(chosen: Database, layout: Layout) -> Check:
    if not chosen.is_postgres:
        return Check(name="database", detail=f"{chosen.label}")
    if chosen.kind is DatabaseKind.MANAGED:
        where = f"PostgreSQL managed by the stack, {chosen.label}"
        return Check(name="database", detail=f"{where} (log: {layout.log('postgres')})")
    from metaflow_prefect.headless.database import postgres

    probe = postgres.wait_for(chosen, timeout_seconds=0)
    if probe.result in {ProbeResult.READY, ProbeResult.NO_DATABASE}:
        return Check(name="database", detail=chosen.label)
    return Check(name="database", problem=probe.reason, fix=probe.fix)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"
