"""The command `northflank-emulator`: options in, a served emulator out."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence

from northflank_emulator import options
from northflank_emulator.api import Api
from northflank_emulator.execution.images import InvalidImagesFile
from northflank_emulator.execution.scripted import InvalidScript
from northflank_emulator.server import serving
from northflank_emulator.server.request_log import RequestLog
from northflank_emulator.settings import Settings
from northflank_emulator.state.ids import slug
from northflank_emulator.state.store import StateInUse, StateRefused

_PROBLEMS = (
    InvalidImagesFile,
    InvalidScript,
    StateInUse,
    StateRefused,
    OSError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the emulator until it is interrupted, and return the exit code."""
    chosen = options.read(arguments)
    logging.basicConfig(
        stream=sys.stderr, level=chosen.log_level.value.upper(), format="%(levelname)s %(message)s"
    )
    try:
        asyncio.run(_run(chosen))
    except _PROBLEMS as error:
        sys.stderr.write(f"northflank-emulator: {error}\n")
        return 1
    return 0


async def _run(chosen: argparse.Namespace) -> None:
    settings, outcomes = options.settings(chosen), options.outcomes(chosen)
    with serving.listen(settings.host, settings.port) as sock:
        api = Api(settings, outcomes=outcomes, faults=chosen.fault)
        server = serving.http_server(api, RequestLog(settings.limits.recorded_requests))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        given = not chosen.token and bool(os.environ.get(options.TOKEN_VARIABLE))
        sys.stdout.write(_banner(settings, serving.base_url(sock), token_is_given=given))
        sys.stdout.flush()
        await serving.serve(api, server, sock)


def _banner(settings: Settings, url: str, *, token_is_given: bool) -> str:
    """Return the base URL on the first line, then how to point each client at it.

    A token from the environment may belong to the real Northflank: the text names its variable and does not show it.
    """
    token = next(iter(settings.tokens))
    name = options.TOKEN_VARIABLE
    shell = f"${name}" if token_is_given else token
    python = f'os.environ["{name}"]' if token_is_given else f'"{token}"'
    script = f"process.env.{name}" if token_is_given else f'"{token}"'
    project = slug(settings.projects[0])
    rows = {
        "token": shell,
        "projects": ", ".join(slug(project) for project in settings.projects),
        "page": f"{url}/",
        "Prefect block": f'Northflank(api_token={python}, base_url="{url}").save("northflank")',
        "Python SDK": f'ApiClient(api_token={python}, base_url="{url}")',
        "JS client": "contextProvider.addContext("
        f'{{name: "emulator", token: {script}, host: "{url}"}})',
        "CLI": f"northflank login -n emulator -t {shell} --host {url}",
        "curl": f'curl -H "Authorization: Bearer {shell}" {url}/v1/projects/{project}/jobs',
    }
    return "\n".join([url, "", *(f"  {name:<14}{text}" for name, text in rows.items()), "", ""])


if __name__ == "__main__":
    sys.exit(main())
