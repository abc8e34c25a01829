"""The command's options, and the settings they make."""

import argparse
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from enum import Enum
from pathlib import Path

from northflank_emulator.access import Role
from northflank_emulator.execution.scripted import Outcome, read_outcomes
from northflank_emulator.faults import Fault, FaultKind, parse, problems
from northflank_emulator.schema import JsonObject
from northflank_emulator.settings import (
    AbortedRun,
    Choices,
    Limits,
    LogPrefix,
    Pace,
    RetryAfter,
    RunOrder,
    Settings,
)


class InvalidOptionError(Exception):
    """An option has a value that means nothing."""

    def __init__(self, option: str, value: str, problem: str) -> None:
        super().__init__(f"{option} {value}: {problem}")


def read(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of a command line, by default this process's; ends the process with 2 if one is mistyped."""
    made = parser()
    options, unknown = made.parse_known_args(arguments)
    if unknown:
        known = [f"--{name.replace('_', '-')}" for name in vars(options)]
        close = get_close_matches(unknown[0].partition("=")[0], known, n=1)
        remedy = f"did you mean {close[0]}?" if close else "leave it out"
        made.error(f"there is no {unknown[0]}. Fix: {remedy} (`--help` lists all)")
    return options


def settings(options: argparse.Namespace) -> Settings:
    """What the emulator is started with.

    Raises:
        InvalidOptionError: an option means nothing.
    """
    token = options.token or os.environ.get("NORTHFLANK_API_TOKEN") or secrets.token_hex(12)
    roles = dict(_role_token(it) for it in options.role_token)
    return Settings(
        host=options.host,
        port=options.port,
        tokens={token: Role.ADMIN, **roles},
        projects=tuple(options.project) or ("demo",),
        teams=tuple(options.team),
        tags=tuple(options.tag),
        registries=tuple(options.registry),
        build_services=tuple(options.build_service),
        state_dir=options.state_dir,
        images=options.images,
        image_environment=dict(_variable(it) for it in options.image_env),
        rate_limit=options.rate_limit,
        memory_limits=options.memory_limits,
        seed=options.seed,
        choices=Choices(
            aborted_run=options.aborted_run,
            run_order=options.run_order,
            retry_after=options.retry_after,
            log_prefix=options.log_prefix,
        ),
        limits=Limits(runs_per_job=options.runs_per_job),
        pace=Pace(
            image_pull=options.pull_seconds,
            retry=options.retry_seconds,
            build=options.build_seconds,
        ),
    )


def faults(options: argparse.Namespace) -> list[Fault]:
    """The faults that are set from the start.

    Raises:
        InvalidOptionError: one does not say what it should.
    """
    return [_fault(text) for text in options.fault]


def outcomes(options: argparse.Namespace) -> list[Outcome] | None:
    """The scripted outcomes, or None where runs are real processes.

    Raises:
        InvalidScriptError: the script says something else.
    """
    if options.executor == "process":
        return None
    return read_outcomes(options.script) if options.script else []


def _fault(text: str) -> Fault:
    """`KIND[,FIELD=VALUE]…`, with the fields of the control endpoint."""
    kind, *fields = text.split(",")
    document: JsonObject = {"kind": kind}
    for field in fields:
        name, _, value = field.partition("=")
        document[name] = _scalar(value)
    found = problems(document)
    if found:
        text_of_first = f"{found[0].path} {found[0].message}"
        raise InvalidOptionError("--fault", text, text_of_first)
    return parse(document)


def _scalar(text: str) -> str | int | float:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def _role_token(text: str) -> tuple[str, Role]:
    token, _, role = text.partition("=")
    try:
        return token, Role(role)
    except ValueError as error:
        roles = ", ".join(it.value for it in Role)
        raise InvalidOptionError(
            "--role-token", text, f"expected TOKEN=ROLE, of {roles}"
        ) from error


def _variable(text: str) -> tuple[str, str]:
    """NAME=VALUE, or NAME for the value it has here."""
    name, equals, value = text.partition("=")
    return name, value if equals else os.environ.get(name, "")


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="northflank-emulator",
        # Two dozen options would hide the line that says what is wrong.
        usage="%(prog)s [OPTION ...]",
        description="Emulate the Northflank jobs API; every job run is executed as a local process.",
    )
    add = made.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=8765, help="port; 0 picks a free one (default: %(default)s)")
    add("--token", help="API token (default: $NORTHFLANK_API_TOKEN, else a random one)")
    add(
        "--role-token",
        action="append",
        default=[],
        metavar="TOKEN=ROLE",
        help=f"one more token with a role: {', '.join(role.value for role in Role)}",
    )
    add("--project", action="append", default=[], metavar="ID", help="project (default: demo)")
    add("--team", action="append", default=[], metavar="ID", help="team (default: any)")
    add("--tag", action="append", default=[], metavar="ID", help="tag that exists from the start")
    add(
        "--registry",
        action="append",
        default=[],
        metavar="ID",
        help="registry credential that exists from the start",
    )
    add(
        "--build-service",
        action="append",
        default=[],
        metavar="ID",
        help="build service that exists from the start in every project, with a finished build of main",
    )
    add("--state-dir", type=Path, help="keep jobs and history here (default: in memory)")
    _add_faults(made)
    _add_execution(made)
    _add_answers(made)
    add("--seed", type=int, help="make ids and chances repeatable")
    add("--log-level", default="warning", help="info shows the access log (default: %(default)s)")
    return made


def _add_execution(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("how runs are executed").add_argument
    add(
        "--executor",
        choices=("process", "scripted"),
        default="process",
        help="really execute runs, or replay outcomes (default: %(default)s)",
    )
    add("--script", type=Path, metavar="FILE", help="the outcomes for --executor scripted")
    add("--images", type=Path, metavar="FILE", help="map image names to local environments")
    add(
        "--image-env",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="a variable every image sets; without a value, the one it has here",
    )
    add(
        "--no-memory-limits",
        dest="memory_limits",
        action="store_false",
        help="do not kill containers that use more memory than their plan has",
    )
    add("--pull-seconds", type=float, default=0.0, help="how long an image takes to pull")
    add(
        "--retry-seconds", type=float, default=1.0, help="wait before the first retry; then doubled"
    )
    add("--build-seconds", type=float, default=2.0, help="how long a build takes")
    add("--runs-per-job", type=int, default=1000, help="how many runs of a job are kept")


def _add_faults(made: argparse.ArgumentParser) -> None:
    kinds = ", ".join(kind.value for kind in FaultKind)
    made.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND[,FIELD=VALUE]…",
        help="let something go wrong, e.g. status,route=start.job.run,probability=0.1,status=503; "
        f"kinds: {kinds}",
    )


def _add_answers(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("answers (the vendor documents none of the last four)")
    limit = group.add_mutually_exclusive_group()
    limit.add_argument(
        "--rate-limit", type=int, default=1000, metavar="N", help="requests per hour and token"
    )
    limit.add_argument(
        "--no-rate-limit", dest="rate_limit", action="store_const", const=None, help="no limit"
    )
    _add_choice(group, "--aborted-run", AbortedRun.FAILED, "status of an aborted run")
    _add_choice(group, "--run-order", RunOrder.NEWEST_FIRST, "order of the list of runs")
    _add_choice(group, "--retry-after", RetryAfter.ABSENT, "header Retry-After with 429")
    _add_choice(group, "--log-prefix", LogPrefix.STREAM, "what log lines begin with")


def _add_choice(group: "argparse._ArgumentGroup", option: str, default: Enum, help_: str) -> None:
    values = [choice.value for choice in type(default)]
    group.add_argument(
        option,
        type=type(default),
        default=default,
        metavar="{" + ",".join(values) + "}",
        help=f"{help_} (default: {default.value})",
    )
