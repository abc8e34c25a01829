"""The command `northflank-emulator`: options in, a served emulator out."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence

from northflank_emulator import options
from northflank_emulator.api import Api
from northflank_emulator.execution.images import InvalidImagesFileError
from northflank_emulator.execution.scripted import InvalidScriptError
from northflank_emulator.server import serving
from northflank_emulator.server.records import Records
from northflank_emulator.settings import Settings
from northflank_emulator.store import StateInUseError

_PROBLEMS = (
    options.InvalidOptionError,
    InvalidImagesFileError,
    InvalidScriptError,
    StateInUseError,
    OSError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the emulator until it is interrupted; the exit code."""
    chosen = options.read(arguments)
    logging.basicConfig(
        stream=sys.stderr, level=chosen.log_level.upper(), format="%(levelname)s %(message)s"
    )
    try:
        asyncio.run(_run(chosen))
    except _PROBLEMS as error:
        sys.stderr.write(f"northflank-emulator: {error}\n")
        return 1
    return 0


async def _run(chosen: argparse.Namespace) -> None:
    settings, outcomes = options.settings(chosen), options.outcomes(chosen)
    faults = options.faults(chosen)
    with serving.listen(settings.host, settings.port) as sock:
        api = Api(settings, outcomes=outcomes, faults=faults)
        server = serving.http_server(api, Records(settings.limits.recorded_requests))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        sys.stdout.write(_banner(settings, serving.base_url(sock)))
        sys.stdout.flush()
        await serving.serve(api, server, sock)


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


if __name__ == "__main__":
    sys.exit(main())
