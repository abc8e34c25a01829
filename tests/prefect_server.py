"""A real `prefect server start` on a free port, with a home of its own, for as long as a block lasts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from metaflow_prefect.headless.settings.database_address import SQLITE_PLUGIN
from metaflow_prefect.server_settings import SERVER_SETTINGS
from tests.support import quick_start
from tests.support.http_client import HTTP
from tests.support.ports import free_port


@dataclass(frozen=True)
class Server:
    """A running Prefect server; `environment` is what a client of it needs."""

    url: str
    environment: dict[str, str]


class ServerDidNotStart(RuntimeError):
    """The server ended, or was not healthy in time; the message has the end of its log."""


def _page_settings(home: Path, url: str) -> dict[str, str]:
    return {
        "PREFECT_SERVER_UI_ENABLED": "true",
        "PREFECT_SERVER_UI_API_URL": url,
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "page"),
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }


@contextmanager
def running_server(home: Path, *, with_page: bool = False) -> Iterator[Server]:
    """Run a Prefect server with its database in *home*; end it and its children afterwards."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    environment = {
        **os.environ,
        **quick_start.ENVIRONMENT,
        "PREFECT_HOME": str(home),
        # As the servers that we start: many runs write at once (ADR 0013).
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home}/prefect.db?plugin={SQLITE_PLUGIN}",
        **SERVER_SETTINGS,
        "PREFECT_SERVER_UI_ENABLED": "false",
        **(_page_settings(home, url) if with_page else {}),
    }
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)],
            env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            _wait_until_healthy(url, process, home / "server.log")
            yield Server(url, {"PREFECT_API_URL": url, "PREFECT_HOME": str(home)})
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(1200):
        if process.poll() is not None:
            raise ServerDidNotStart(log.read_text()[-3000:])
        try:
            if HTTP.get(f"{url}/health", timeout=2).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise ServerDidNotStart(log.read_text()[-3000:])
