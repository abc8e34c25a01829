"""The command's options, and how they become settings."""

from __future__ import annotations

import argparse
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import get_type_hints

from northflank_emulator.choices import AbortedRun, Choices, LogPrefix, RetryAfter, RunOrder
from northflank_emulator.execution.scripted import Outcome, read_outcomes
from northflank_emulator.faults import Fault, FaultKind, parse, problems
from northflank_emulator.fields.schema import JsonObject
from northflank_emulator.option_values import (
    HOST,
    NAME,
    SLUG,
    TEAM,
    TOKEN,
    VARIABLE,
    InvalidValue,
    Reader,
    one_of,
    seconds,
    whole,
)
from northflank_emulator.settings import Limits, Pace, Settings
from northflank_emulator.state.permissions import Role

TOKEN_VARIABLE = "NORTHFLANK_API_TOKEN"  # noqa: S105  a variable's name
_SECRET = frozenset({"token", "role_token"})
_LONGEST_SECONDS = 24 * 3600


class LogLevel(str, Enum):
    """How much the emulator logs to its standard error."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class ExecutorKind(str, Enum):
    """How runs are executed."""

    PROCESS = "process"
    SCRIPTED = "scripted"


def read(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of a command line (by default this process's), or exit with 2 if some are invalid."""
    made = parser()
    options, unknown = made.parse_known_args(arguments)
    found = [*_unknown(unknown, vars(options)), *_wrong(vars(options)), *_contradictions(options)]
    if found:
        made.error("\n  ".join(found))
    return options


def _unknown(words: Sequence[str], options: Mapping[str, object]) -> Iterator[str]:
    known = [_spelled(name) for name in options]
    for before, word in zip(("", *words), words, strict=False):
        if before.startswith("-") and "=" not in before and not word.startswith("-"):
            # The value of an unknown option.
            continue
        close = get_close_matches(word.partition("=")[0], known, n=1)
        remedy = f"did you mean {close[0]}?" if close else "leave it out"
        yield f"{word} is not an option. Fix: {remedy} (`--help` lists all)"


def _wrong(options: Mapping[str, object]) -> Iterator[str]:
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, InvalidValue):
                shown = "" if name in _SECRET else f" {one.text!r}"
                yield f"{_spelled(name)}{shown}: {one.problem}"


def _contradictions(options: argparse.Namespace) -> Iterator[str]:
    if options.script and options.executor is ExecutorKind.PROCESS:
        yield "--script: outcomes are replayed with --executor scripted; add it, or leave --script out"
    given = os.environ.get(TOKEN_VARIABLE)
    if not options.token and given and isinstance(wrong := TOKEN(given), InvalidValue):
        yield f"{TOKEN_VARIABLE}: {wrong.problem}"


def _spelled(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def settings(options: argparse.Namespace) -> Settings:
    """Return the settings of the emulator."""
    token = options.token or os.environ.get(TOKEN_VARIABLE) or secrets.token_hex(12)
    return Settings(
        host=options.host,
        port=options.port,
        tokens={token: Role.ADMIN, **dict(options.role_token)},
        projects=tuple(options.project) or ("demo",),
        teams=tuple(options.team),
        tags=tuple(options.tag),
        registries=tuple(options.registry),
        build_services=tuple(options.build_service),
        state_dir=options.state_dir,
        images=options.images,
        image_environment=_variables(options.image_env),
        rate_limit=options.rate_limit,
        memory_limits=options.memory_limits,
        seed=options.seed,
        choices=Choices(
            aborted_run=options.aborted_run,
            run_order=options.run_order,
            retry_after=options.retry_after,
            log_prefix=options.log_prefix,
            **dict(options.choice),
        ),
        limits=Limits(runs_per_job=options.runs_per_job),
        pace=Pace(
            image_pull=options.pull_seconds,
            retry=options.retry_seconds,
            build=options.build_seconds,
        ),
    )


def outcomes(options: argparse.Namespace) -> list[Outcome] | None:
    """Return the scripted outcomes, or None if runs are real processes.

    Raises:
        InvalidScript: the script cannot be read, or has a wrong field.
    """
    if options.executor is ExecutorKind.PROCESS:
        return None
    return read_outcomes(options.script) if options.script else []


def _fault(text: str) -> Fault | InvalidValue:
    """Read `KIND[,FIELD=VALUE]…`, with the fields of the control endpoint."""
    kind, *fields = text.split(",")
    document: JsonObject = {"kind": kind}
    for field in fields:
        name, _, value = field.strip().partition("=")
        document[name] = _scalar(value)
    found = problems(document)
    if found:
        return InvalidValue(text=text, problem="; ".join(f"{it.path} {it.message}" for it in found))
    return parse(document)


def _scalar(text: str) -> str | int | float:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def _role_token(text: str) -> tuple[str, Role]:
    token, _, role = text.partition("=")
    return TOKEN.read(token), Role(role)


_ROLE_TOKEN = Reader(
    read=_role_token, expected=f"TOKEN=ROLE, of {', '.join(role.value for role in Role)}"
)


def _variables(given: Sequence[str]) -> dict[str, str]:
    """Return the variables of NAME=VALUE or NAME; NAME alone takes its value from here, as with Docker."""
    pairs = [text.partition("=") for text in given]
    return {
        name: value if equals else os.environ[name]
        for name, equals, value in pairs
        if equals or name in os.environ
    }


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="northflank-emulator",
        # A list of two dozen options would hide the error message below it.
        usage="%(prog)s [OPTION ...]",
        description="Emulate the Northflank jobs API; every job run is executed as a local process.",
    )
    add = made.add_argument
    add(
        "--host", type=HOST, default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    add(
        "--port",
        type=whole(0, 65535),
        default=8765,
        help="port; 0 picks a free one (default: %(default)s)",
    )
    add("--token", type=TOKEN, help="API token (default: $NORTHFLANK_API_TOKEN, else a random one)")
    add(
        "--role-token",
        action="append",
        default=[],
        type=_ROLE_TOKEN,
        metavar="TOKEN=ROLE",
        help=f"an additional token with a role: {', '.join(role.value for role in Role)}",
    )
    for option, reader, help_ in (
        ("--project", NAME, "project (default: demo)"),
        ("--team", TEAM, "team (default: any)"),
        ("--tag", SLUG, "tag that exists from the start"),
        ("--registry", SLUG, "registry credential that exists from the start"),
        (
            "--build-service",
            NAME,
            "build service that exists from the start in every project, with a finished build of main",
        ),
    ):
        add(option, type=reader, action="append", default=[], metavar="ID", help=help_)
    add("--state-dir", type=Path, help="keep jobs and history in this folder (default: in memory)")
    _add_faults(made)
    _add_execution(made)
    _add_answers(made)
    add("--seed", type=whole(0, 2**63 - 1), help="make ids and fault probabilities repeatable")
    _add_choice(made, "--log-level", LogLevel.WARNING, "info shows the access log")
    return made


def _add_execution(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how runs are executed")
    add = group.add_argument
    _add_choice(
        group, "--executor", ExecutorKind.PROCESS, "execute runs as processes, or replay outcomes"
    )
    add("--script", type=Path, metavar="FILE", help="the outcomes for --executor scripted")
    add("--images", type=Path, metavar="FILE", help="map image names to local environments")
    add(
        "--image-env",
        action="append",
        default=[],
        type=VARIABLE,
        metavar="NAME[=VALUE]",
        help="a variable that every image sets; NAME alone takes its value from your environment",
    )
    add(
        "--no-memory-limits",
        dest="memory_limits",
        action="store_false",
        help="do not kill containers that use more memory than their plan has",
    )
    for option, default, help_ in (
        ("--pull-seconds", 0.0, "how long an image takes to pull"),
        ("--retry-seconds", 1.0, "pause before the first retry, doubled for each further one"),
        ("--build-seconds", 2.0, "how long a build takes"),
    ):
        add(
            option,
            type=seconds(_LONGEST_SECONDS),
            default=default,
            metavar="SECONDS",
            help=f"{help_} (default: {default:g})",
        )
    add(
        "--runs-per-job",
        type=whole(1, 1_000_000),
        default=1000,
        metavar="N",
        help="how many runs of a job are kept (default: %(default)s)",
    )


def _add_faults(made: argparse.ArgumentParser) -> None:
    kinds = ", ".join(kind.value for kind in FaultKind)
    made.add_argument(
        "--fault",
        action="append",
        default=[],
        type=_fault,
        metavar="KIND[,FIELD=VALUE]…",
        help="inject a fault, e.g. status,route=start.job.run,probability=0.1,status=503; "
        f"kinds: {kinds}",
    )


_ANSWERS = {
    _spelled(name).removeprefix("--"): (name, kind)
    for name, kind in get_type_hints(Choices).items()
    if name not in {"aborted_run", "run_order", "retry_after", "log_prefix"}
}
"""The choices without an option of their own: their field and their enum, by the name in `--choice`."""


def _choice(text: str) -> tuple[str, Enum]:
    name, _, value = text.partition("=")
    if name not in _ANSWERS:
        raise ValueError
    field, kind = _ANSWERS[name]
    return field, kind(value)


def _add_answers(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("answers (Northflank does not document the last five)")
    limit = group.add_mutually_exclusive_group()
    limit.add_argument(
        "--rate-limit",
        type=whole(1, 1_000_000_000),
        default=1000,
        metavar="N",
        help="requests per hour and token (default: %(default)s)",
    )
    limit.add_argument(
        "--no-rate-limit", dest="rate_limit", action="store_const", const=None, help="no limit"
    )
    _add_choice(group, "--aborted-run", AbortedRun.FAILED, "status of an aborted run")
    _add_choice(group, "--run-order", RunOrder.NEWEST_FIRST, "order of the list of runs")
    _add_choice(group, "--retry-after", RetryAfter.ABSENT, "header Retry-After with 429")
    _add_choice(group, "--log-prefix", LogPrefix.STREAM, "what log lines begin with")
    group.add_argument(
        "--choice",
        type=Reader(read=_choice, expected="NAME=ANSWER, as README.md lists them"),
        action="append",
        default=[],
        metavar="NAME=ANSWER",
        help="another answer to an open question: "
        + ", ".join(f"{name}={list(kind)[-1].value}" for name, (_, kind) in _ANSWERS.items()),
    )


def _add_choice(group: argparse._ActionsContainer, option: str, default: Enum, help_: str) -> None:
    values = [choice.value for choice in type(default)]
    group.add_argument(
        option,
        type=one_of(type(default)),
        default=default,
        metavar="{" + ",".join(values) + "}",
        help=f"{help_} (default: {default.value})",
    )
