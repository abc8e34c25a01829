"""How settings, records and health are shown: as lines for people, as JSON for programs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict

from metaflow_prefect.headless.files.stack_record import StackRecord
from metaflow_prefect.headless.services.process_environment import EMULATOR_TOKEN
from metaflow_prefect.headless.services.supervisor_client import State
from metaflow_prefect.headless.settings.database_address import without_password
from metaflow_prefect.headless.settings.model import VARIABLES, Settings
from metaflow_prefect.headless.settings.sources import MASK, Value, ValueSource, Variable
from metaflow_prefect.headless.stack.health import Health, ServiceHealth, Verdict
from metaflow_prefect.version import VERSION


def settings_rows(settings: Settings) -> list[dict[str, str]]:
    """Return a row for each variable: its value, masked if secret, and where it comes from."""
    return [_row(variable, settings.sources.value(variable)) for variable in VARIABLES]


def info_json(settings: Settings, record: StackRecord | None) -> str:
    """Return everything `info` knows as JSON."""
    return json.dumps(
        {
            "version": VERSION,
            "home": str(settings.home),
            "api_url": settings.api_url,
            "ui_api_url": settings.ui_api_url,
            "flows_directory": str(settings.flows_directory),
            "storage_directory": str(settings.storage_directory),
            "ui_static_directory": str(settings.server.ui_static_directory),
            "settings": settings_rows(settings),
            "findings": (*settings.findings, *settings.server_findings),
            "running": asdict(record) if record else None,
        },
        indent=2,
    )


def info_text(settings: Settings, record: StackRecord | None) -> str:
    """Return what `info` prints."""
    lines = [
        f"prefect-headless {VERSION}",
        f"  home     {settings.home}",
        f"  api      {record.api_url if record else settings.api_url}",
        f"  ui       {record.ui_url if record else 'not running'}",
        f"  ui api   {record.ui_api_url if record else settings.ui_api_url}",
        f"  flows    {settings.flows_directory}",
        f"  storage  {settings.storage_directory}",
        f"  database {_storage(record) if record else _wanted_storage(settings)}",
        f"  pool     {settings.workers.pool} ({settings.workers.type})",
        f"  services {', '.join(record.services) if record else 'none (not running)'}",
        "",
        "settings:",
    ]
    lines += [
        f"  {row['name']}={row['value']}  [{row['origin']}]"
        for row in settings_rows(settings)
        if row["origin"] != ValueSource.DEFAULT.value or row["value"]
    ]
    # A running stack's record has its warnings: it may have no server for the server's to matter.
    found = record.findings if record else settings.server_findings
    findings = tuple(dict.fromkeys((*found, *settings.findings)))
    lines += ["", "warnings:", *(f"  {finding}" for finding in findings)] if findings else []
    return "\n".join(lines)


def status_json(record: StackRecord | None, health: Health) -> str:
    """Return everything `status` knows as JSON."""
    return json.dumps(
        {
            "verdict": health.verdict.value,
            "api": health.api,
            "database": {
                "healthy": health.database,
                "address": record.storage if record else None,
                "kind": record.storage_kind if record else None,
            },
            "services": [asdict(service) for service in health.services],
            "workers_online": health.online_workers,
            "queue": asdict(health.queue) if health.queue else None,
            "api_url": record.api_url if record else None,
            "ui_url": record.ui_url if record else None,
            "emulator_url": record.emulator_url if record else None,
            "problems": health.problems,
            "warnings": record.findings if record else (),
        },
        indent=2,
    )


def status_text(record: StackRecord | None, health: Health) -> str:
    """Return what `status` prints."""
    lines = [f"stack     {health.verdict.value}"]
    if record is not None and health.services:
        starting = health.verdict is Verdict.STARTING
        lines += [
            f"api       {_mark(good=health.api, starting=starting)}  {record.api_url}",
            f"database  {_mark(good=health.database, starting=starting)}  {_storage(record)}",
            *(_service_line(service) for service in health.services),
        ]
        if health.queue is not None:
            lines.append(
                f"queue     {health.queue.scheduled} scheduled ({health.queue.late} late), "
                f"{health.queue.pending} pending, {health.queue.running} running"
            )
        lines += [f"WARNING   {finding}" for finding in record.findings]
    return "\n".join([*lines, *_problem_lines(health)])


def service_text(health: Health) -> str:
    """Return what `status SERVICE` prints; *health* is that service's."""
    return "\n".join([*map(_service_line, health.services), *_problem_lines(health)])


def as_json(environment: Mapping[str, str]) -> str:
    """Return the client's variables as JSON, with secrets."""
    return json.dumps(dict(sorted(environment.items())), indent=2)


def exports(environment: Mapping[str, str], unset: tuple[str, ...]) -> str:
    """Return lines for a shell's `eval`."""
    lines = [f"unset {name}" for name in unset]
    lines += [f"export {name}={shlex.quote(text)}" for name, text in sorted(environment.items())]
    return "\n".join(lines)


def listing(environment: Mapping[str, str]) -> str:
    """Return the client's variables for people to read, with secrets masked."""
    secret = {name for variable in VARIABLES if variable.secret for name in variable.names}
    secret.add(EMULATOR_TOKEN)
    return "\n".join(
        f"{name}={MASK if name in secret else text}" for name, text in sorted(environment.items())
    )


def welcome(settings: Settings, record: StackRecord) -> str:
    """Return the message after `up`, which PREFECT_QUIET=1 suppresses."""
    lines = [
        "Prefect is running (headless):"
        if record.storage
        else "Workers are running (headless) for a server elsewhere:",
        f"  UI        {record.ui_url}",
        f"  API       {record.api_url}",
        f"  database  {_storage(record)}",
        f"  pool      {record.pool} ({record.pool_type})",
        f"  services  {', '.join(record.services)}",
        f"  logs      {settings.home}/logs",
        '  in your shell: eval "$(prefect-headless env --export)"',
    ]
    return "\n".join(lines)


def ended(number: int, *, had_supervisor: bool) -> str:
    """Return what `down` says of the processes it ended besides the supervisor's services."""
    processes = "1 process" if number == 1 else f"{number} processes"
    # Without a supervisor the services themselves are among them.
    whose = "of flow runs" if had_supervisor else "of the stack, which had lost its supervisor"
    return f"ended {processes} {whose}"


def _row(variable: Variable, value: Value) -> dict[str, str]:
    text = value.text or ""
    if variable.secret and value.source is not ValueSource.DEFAULT:
        text = without_password(text) if "://" in text else MASK
    elif variable.secret:
        text = ""
    return {
        "name": value.name,
        "value": text,
        "origin": value.source.value,
        "meaning": variable.meaning,
        "default": variable.default_is or variable.default or "",
    }


def _storage(record: StackRecord) -> str:
    return record.storage or "that of the server elsewhere"


def _wanted_storage(settings: Settings) -> str:
    if settings.storage.url:
        return without_password(settings.storage.url)
    return settings.storage.type.value


def _service_line(service: ServiceHealth) -> str:
    # The supervisor calls a service STARTING for a while although it answers.
    state = State.RUNNING if service.healthy else service.state
    word = "starting" if service.starting else state.value.lower()
    since = "" if service.uptime_seconds is None else f"for {service.uptime_seconds} s"
    pid = f"pid {service.pid}" if service.pid else service.note
    mark = _mark(good=service.healthy, starting=service.starting)
    return " ".join(filter(None, (f"{service.name:<9} {mark} ", word, since, pid)))


def _problem_lines(health: Health) -> list[str]:
    return [f"PROBLEM   {problem}" for problem in health.problems]


def _mark(*, good: bool, starting: bool) -> str:
    if good:
        return "ok "
    return "..." if starting else "BAD"
