"""The command `northflank-emulator`: options in, a served emulator out."""

import argparse
import asyncio
import logging
import os
import secrets
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from northflank_emulator.access import Role
from northflank_emulator.api import Api
from northflank_emulator.execution.images import InvalidImagesFileError
from northflank_emulator.server import serving
from northflank_emulator.server.records import Records
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
from northflank_emulator.store import StateInUseError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the emulator until it is interrupted; the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr, level=options.log_level.upper(), format="%(levelname)s %(message)s"
    )
    try:
        return asyncio.run(_run(_settings(options)))
    except (InvalidImagesFileError, StateInUseError, OSError) as error:
        sys.stderr.write(f"northflank-emulator: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 0


async def _run(settings: Settings) -> int:
    sock = serving.listen(settings.host, settings.port)
    api = Api(settings)
    server = serving.http_server(api, Records(settings.limits.recorded_requests))
    sys.stdout.write(_banner(settings, serving.base_url(sock)))
    sys.stdout.flush()
    await serving.serve(api, server, sock)
    return 0


def _banner(settings: Settings, url: str) -> str:
    """The base URL on the first line, then how to point clients to it."""
    token = next(iter(settings.tokens))
    block = f'Northflank(api_token="{token}", base_url="{url}").save("northflank")'
    context = f'{{name: "emulator", token: "{token}", host: "{url}"}}'
    example = f"-H 'Authorization: Bearer {token}' {url}/v1/projects/{settings.projects[0]}/jobs"
    rows = {
        "token": token,
        "projects": ", ".join(settings.projects),
        "page": f"{url}/",
        "Prefect block": block,
        "Python SDK": f'ApiClient(api_token="{token}", base_url="{url}")',
        "JS client": f"contextProvider.addContext({context})",
        "CLI": f"northflank login -n emulator -t {token} --host {url}",
        "curl": f"curl {example}",
    }
    return "\n".join([url, "", *(f"  {name:<14}{text}" for name, text in rows.items()), "", ""])


def _settings(options: argparse.Namespace) -> Settings:
    token = options.token or os.environ.get("NORTHFLANK_API_TOKEN") or secrets.token_hex(12)
    roles = dict(_pair(it, "--role-token") for it in options.role_token)
    return Settings(
        host=options.host,
        port=options.port,
        tokens={token: Role.ADMIN, **{it: Role(role) for it, role in roles.items()}},
        projects=tuple(options.project) or ("demo",),
        teams=tuple(options.team),
        tags=tuple(options.tag),
        registries=tuple(options.registry),
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
        pace=Pace(image_pull=options.pull_seconds, retry=options.retry_seconds),
    )


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        message = f"{option} {text}: expected NAME=VALUE"
        raise OSError(message)
    return name, value


def _variable(text: str) -> tuple[str, str]:
    """NAME=VALUE, or NAME for the value it has here."""
    name, equals, value = text.partition("=")
    return name, value if equals else os.environ.get(name, "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="northflank-emulator",
        description="Emulate the Northflank jobs API; every job run is executed as a local process.",
    )
    add = parser.add_argument
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
    add("--state-dir", type=Path, help="keep jobs and history here (default: in memory)")
    _add_execution(parser)
    _add_answers(parser)
    add("--seed", type=int, help="make ids and chances repeatable")
    add("--log-level", default="warning", help="info shows the access log (default: %(default)s)")
    return parser


def _add_execution(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("how runs are executed").add_argument
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
    add("--runs-per-job", type=int, default=1000, help="how many runs of a job are kept")


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


if __name__ == "__main__":
    sys.exit(main())
