"""The command line `prefect-headless`: options in, exit code out; nothing is decided here."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar
from urllib.parse import urlsplit

import click

from metaflow_prefect.headless import examples, report
from metaflow_prefect.headless.console import Console
from metaflow_prefect.headless.database import migrations, provisioning
from metaflow_prefect.headless.errors import (
    HeadlessError,
    NoSuchName,
    NotRunning,
    RecordUnreadable,
)
from metaflow_prefect.headless.files.layout import Layout, prepare
from metaflow_prefect.headless.files.service_logs import Follower
from metaflow_prefect.headless.files.stack_record import StackRecord, load_record
from metaflow_prefect.headless.services import process_environment, processes
from metaflow_prefect.headless.services.services import resolve_name
from metaflow_prefect.headless.services.supervisor_client import SupervisorClient
from metaflow_prefect.headless.settings.model import Settings
from metaflow_prefect.headless.stack import auth, lifecycle
from metaflow_prefect.headless.stack.doctor import run_checks
from metaflow_prefect.headless.stack.health import Health, check_health, without_supervisor
from metaflow_prefect.headless.stack.settings_loading import load_checked_settings, load_settings
from metaflow_prefect.headless.stack.start import UpOptions
from metaflow_prefect.headless.stack.start import up as start_stack
from metaflow_prefect.version import VERSION

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

FAILED = 1
REMOVED_COMMAND = ("prefect", "server", "database", "check")
"""A command of Prefect 3.5 that older documentation names."""
WAITS = click.option(
    "--wait",
    "wait_seconds",
    type=float,
    default=180,
    show_default=True,
    metavar="S",
    help="Give up if not everything is healthy after S seconds.",
)


def prints_errors(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Print the errors of this package on stderr, without a traceback, and exit with 1."""

    @wraps(command)
    def wrapped(*arguments: Parameters.args, **options: Parameters.kwargs) -> Result:
        try:
            return command(*arguments, **options)
        except HeadlessError as error:
            click.echo(f"{error.headline}: {error}", err=True)
            sys.exit(FAILED)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="prefect-headless")
def main() -> None:
    """Run a Prefect server, its workers and its database, configured by environment variables.

    Variables are read from the environment and from `.env` in the working directory.
    """


@main.command()
@click.option("-d", "--detach", is_flag=True, help="Return when the stack is healthy.")
@WAITS
@click.option("--no-worker", is_flag=True, help="Start no worker.")
@click.option("--no-server", is_flag=True, help="Workers only, for the server at PREFECT_API_URL.")
@prints_errors
def up(*, detach: bool, wait_seconds: float, no_worker: bool, no_server: bool) -> None:
    """Start the stack; in the foreground with the logs on stdout, unless -d."""
    settings = load_checked_settings(workers_only=no_server)
    if settings.ephemeral:
        click.echo(
            "PREFECT_EPHEMERAL=1: no server is started; "
            "`prefect-headless run python my_flow.py` starts one for as long as the program runs"
        )
        return
    # In the foreground the services' own lines show the progress.
    console = Console(sys.stderr, quiet=settings.quiet, live=detach and sys.stderr.isatty())
    options = UpOptions(
        detach=detach,
        wait_seconds=wait_seconds,
        with_worker=not no_worker,
        with_server=not no_server,
    )
    record = start_stack(settings, options, console)
    if detach and not settings.quiet:
        click.echo(report.welcome(settings, record))


@main.command()
@prints_errors
def down() -> None:
    """Stop every process of the stack, running flow runs included."""
    layout = Layout(home=load_settings().home)
    ran = SupervisorClient(layout).pid() is not None
    # What cannot be read of another version's stack must not keep it from being ended.
    with suppress(RecordUnreadable):
        if ran:
            click.echo(f"stopping {', '.join(_services(layout))}", err=True)
    left_over = lifecycle.stop_stack(layout)
    if left_over:
        click.echo(report.ended(left_over, had_supervisor=ran))
    click.echo("stopped" if ran or left_over else "nothing was running")


@main.command()
@click.argument("service", required=False)
@WAITS
@prints_errors
def restart(*, service: str | None, wait_seconds: float) -> None:
    """Restart one service, or all, with the settings they were started with; return when healthy."""
    layout, supervisor = _running()
    names = (_chosen(layout, service),) if service else _services(layout)
    for name in reversed(names):
        supervisor.stop(name)
    _start(layout, names, wait_seconds)
    click.echo(f"restarted {service or 'all services'}")


@main.command()
@click.argument("service")
@WAITS
@prints_errors
def start(*, service: str, wait_seconds: float) -> None:
    """Start a service that was stopped; return when it is healthy."""
    layout, _ = _running()
    name = _chosen(layout, service)
    _start(layout, (name,), wait_seconds)
    click.echo(f"started {name}")


@main.command()
@click.argument("service")
@prints_errors
def stop(service: str) -> None:
    """Stop a service; `start` starts it again."""
    layout, supervisor = _running()
    name = _chosen(layout, service)
    supervisor.stop(name)
    click.echo(f"stopped {name}")


@main.command()
@click.argument("service", required=False)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@prints_errors
def status(*, service: str | None, as_json: bool) -> None:
    """Show the health of services, database, workers and queue; exit code 0 if healthy, 1 if not, 3 if not running.

    With a SERVICE, show only that one; the exit code then refers to it.
    """
    settings = load_settings()
    layout = Layout(home=settings.home)
    record, health = _health(settings, layout)
    chosen = service is not None and bool(health.services)
    if service is not None and chosen:
        health = health.of(_chosen(layout, service))
    if as_json:
        click.echo(report.status_json(record, health))
    else:
        click.echo(report.service_text(health) if chosen else report.status_text(record, health))
    sys.exit(health.verdict.exit_code)


@main.command()
@click.argument("service", required=False)
@click.option("-f", "--follow", is_flag=True, help="Keep printing until interrupted.")
@click.option(
    "-n", "--lines", type=int, default=50, show_default=True, help="How many lines to begin with."
)
@prints_errors
def logs(*, service: str | None, follow: bool, lines: int) -> None:
    """Print the log of one service, or of all; also after the stack has stopped."""
    layout = Layout(home=load_settings().home)
    known = tuple(sorted(path.stem for path in layout.logs.glob("*.log")))
    name = None if service is None else resolve_name(service, known)
    if not known:
        raise NotRunning(f"there are no logs in {layout.logs}", fix="start the stack")
    if service is not None and name is None:
        raise NoSuchName(
            f"{layout.logs} has no log of {service!r}",
            fix=f"choose one of {', '.join(known)}",
        )
    chosen = known if name is None else (name,)
    followers = {
        f"{each} | " if len(chosen) > 1 else "": Follower(layout.log(each)) for each in chosen
    }
    for prefix, follower in followers.items():
        for line in deque(follower.new_lines(), maxlen=max(lines, 0)):
            click.echo(prefix + line)
    with _until_signaled():
        while follow:
            for prefix, follower in followers.items():
                for line in follower.new_lines():
                    click.echo(prefix + line)
            time.sleep(0.2)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@prints_errors
def info(*, as_json: bool) -> None:
    """Show the configuration, where each value comes from, and what is wrong with it."""
    settings = load_checked_settings()
    layout = Layout(home=settings.home)
    record = load_record(layout) if SupervisorClient(layout).pid() is not None else None
    click.echo(
        report.info_json(settings, record) if as_json else report.info_text(settings, record)
    )


@main.command()
@click.option("--export", "as_export", is_flag=True, help="Lines for a shell's eval, with secrets.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with secrets.")
@prints_errors
def env(*, as_export: bool, as_json: bool) -> None:
    """Print the variables a client of this stack needs."""
    settings, client = _client()
    variables = process_environment.for_shell(settings, client)
    if as_json:
        click.echo(report.as_json(variables))
    elif as_export:
        unset = process_environment.withheld(settings, os.environ)
        click.echo(report.exports(variables, unset))
    else:
        click.echo(report.listing(variables))


@main.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@prints_errors
def run(command: tuple[str, ...]) -> None:
    """Run COMMAND with the variables a client of this stack needs."""
    if command[: len(REMOVED_COMMAND)] == REMOVED_COMMAND:
        click.echo(
            "Prefect no longer has this command; `prefect-headless db check` says:", err=True
        )
        click.echo(_checked_database())
        return
    settings, client = _client()
    variables = process_environment.for_command(settings, client, os.environ)
    examples.install(settings.flows_directory)
    program = shutil.which(command[0], path=variables.get("PATH"))
    if program is None:
        raise NoSuchName(f"there is no program {command[0]!r}", fix="check PATH")
    os.execve(program, command, variables)  # noqa: S606  `run` becomes the command


@main.group()
def db() -> None:
    """Check or upgrade the database that the settings name."""


@db.command()
@prints_errors
def check() -> None:
    """Connect to the database and say whether it can be used."""
    click.echo(_checked_database())


@db.command()
@prints_errors
def upgrade() -> None:
    """Create or upgrade the tables."""
    settings = load_settings()
    layout = Layout(home=settings.home)
    prepare(layout)
    migrations.upgrade(settings, provisioning.current(settings, layout))


@main.command()
@prints_errors
def doctor() -> None:
    """Check everything a start needs; exit code 1 if something is wrong."""
    wrong = 0
    for found in run_checks(load_checked_settings()):
        click.echo(
            f"{'BAD' if found.problem else 'ok '} {found.name:<9} {found.problem or found.detail}"
        )
        if found.problem:
            wrong += 1
            click.echo(f"    fix: {found.fix}")
    sys.exit(1 if wrong else 0)


@main.command()
@click.argument("name", required=False)
@prints_errors
def example(name: str | None) -> None:
    """Print the example flow NAME; without NAME, the paths of all examples."""
    if name is not None:
        click.echo(examples.text(name), nl=False)
        return
    for path in examples.install(load_settings().flows_directory):
        click.echo(path)


def _checked_database() -> str:
    settings = load_settings()
    chosen = provisioning.current(settings, Layout(home=settings.home))
    return migrations.check(chosen, is_made_by_up=settings.server.migrate)


def _client() -> tuple[Settings, process_environment.Access]:
    """Return the settings with the addresses of the running stack, and its secrets."""
    settings = load_settings()
    layout = Layout(home=settings.home)
    record = load_record(layout) if SupervisorClient(layout).pid() is not None else None
    if record is not None:
        settings = settings.as_running(
            port=urlsplit(record.local_url).port or settings.server.port,
            api_url=record.api_url,
            ui_api_url=record.ui_api_url,
        )
    elif settings.server.port == 0 and not (settings.ephemeral or settings.api_url_given):
        raise NotRunning(
            "the port is chosen when the stack is started (PREFECT_SERVER_PORT=0)",
            fix="start it with `prefect-headless up -d`",
        )
    return settings, auth.of_running(settings, layout, record)


def _health(settings: Settings, layout: Layout) -> tuple[StackRecord | None, Health]:
    record = load_record(layout)
    supervisor = SupervisorClient(layout)
    if supervisor.pid() is None:
        starting = lifecycle.is_being_started(layout)
        left_over = processes.of_stack(layout.home)
        return record, without_supervisor(record, left_over, being_started=starting)
    auth_string = auth.of_running(settings, layout, record).auth_string
    return record, check_health(record, supervisor.processes(), auth_string)


def _running() -> tuple[Layout, SupervisorClient]:
    layout = Layout(home=load_settings().home)
    return layout, lifecycle.require_running(layout)


def _start(layout: Layout, names: tuple[str, ...], wait_seconds: float) -> None:
    """Start services of the running stack and return when they are healthy."""
    record = load_record(layout)
    probes = record.health_urls if record is not None else {}
    every = tuple(
        lifecycle.AwaitedService(name=name, health_url=probes.get(name)) for name in names
    )
    console = Console(sys.stderr, live=sys.stderr.isatty())
    lifecycle.start_and_wait(layout, every, timeout_seconds=wait_seconds, console=console)


@contextmanager
def _until_signaled() -> Iterator[None]:
    """Leave the block at SIGTERM or Ctrl-C, even if the shell started this process with SIGINT ignored."""

    def end(*_: object) -> NoReturn:
        raise _Signaled

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    with suppress(_Signaled):
        yield


class _Signaled(Exception):
    """The process received SIGTERM or SIGINT."""


def _services(layout: Layout) -> tuple[str, ...]:
    """Return the services of the running stack in their start order."""
    record = load_record(layout)
    return record.services if record is not None else ()


def _chosen(layout: Layout, service: str) -> str:
    """Return the name of the service that the user calls *service*."""
    known = _services(layout)
    name = resolve_name(service, known)
    if name is None:
        raise NoSuchName(
            f"there is no service {service!r}", fix=f"choose one of {', '.join(known)}"
        )
    return name


def info_main() -> None:
    """Run `prefect-headless info`, as `prefect-info`."""
    main(args=["info", *sys.argv[1:]], prog_name="prefect-info")
