"""The local server's process: Prefect's own API server and UI, until they have been idle for long enough.

Run as `python -m metaflow_prefect.runtime.servers.local_server_process FOLDER IDLE_SECONDS`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from metaflow_prefect.browser_guard import guarded, trust
from metaflow_prefect.runtime.servers.local_server_files import RunningServer, ServerFiles
from metaflow_prefect.server_settings import cors_setting
from metaflow_prefect.sqlite_transactions import let_transactions_wait

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")

_POLL_SECONDS = 1.0
_GRACE_SECONDS = 5


class Activity:
    """Passes every request on to Prefect's application, and notes when the last one ended."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._open = 0
        self._last = time.monotonic()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request, or one WebSocket for as long as it lasts (the UI in a browser has one)."""
        counts = scope["type"] != "lifespan"
        self._open += counts
        try:
            await self._application(scope, receive, send)
        finally:
            self._open -= counts
            self._last = time.monotonic()

    def idle_seconds(self) -> float:
        """Return how long there has been no request."""
        return 0.0 if self._open else time.monotonic() - self._last


def main() -> None:
    """Serve until idle, or until told to end by SIGTERM."""
    files, idle_seconds = ServerFiles(Path(sys.argv[1])), float(sys.argv[2])
    listener = socket.create_server((HOST, 0))
    port = listener.getsockname()[1]
    # Before Prefect reads its settings: its UI gets the API's address from them.
    os.environ["PREFECT_SERVER_API_HOST"] = HOST
    os.environ["PREFECT_SERVER_API_PORT"] = str(port)
    for name, origins in cors_setting(*(f"http://{name}:{port}" for name in NAMES)).items():
        os.environ.setdefault(name, origins)
    # Prefect would make its database readable for all users.
    os.umask(0o077)
    asyncio.run(_serve(files, listener, idle_seconds))


async def _serve(files: ServerFiles, listener: socket.socket, idle_seconds: float) -> None:
    # A third of the time that these imports take would go into looking for garbage among what they make.
    gc.disable()
    import prefect
    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings

    gc.freeze()
    gc.enable()
    let_transactions_wait(Engine)
    activity = Activity(guarded(create_app(), trust(get_current_settings())))
    server = uvicorn.Server(
        uvicorn.Config(
            activity, log_level="warning", timeout_graceful_shutdown=_GRACE_SECONDS, lifespan="on"
        )
    )
    port = listener.getsockname()[1]
    served = RunningServer(
        pid=os.getpid(),
        url=f"http://{HOST}:{port}/api",
        prefect_version=prefect.__version__,
        idle_seconds=idle_seconds,
    )
    watching = asyncio.create_task(_watch(files, server, activity, served))
    try:
        await server.serve(sockets=[listener])
    finally:
        watching.cancel()
        if files.read() == served:
            files.clear()


async def _watch(
    files: ServerFiles, server: Any, activity: Activity, served: RunningServer
) -> None:
    """Record the server when it answers; end it when it has been idle for long enough."""
    try:
        while not server.started:  # noqa: ASYNC110  uvicorn has only this attribute, and no event
            await asyncio.sleep(_POLL_SECONDS / 20)
        files.write(served)
        while not _may_end(files, activity, served):  # noqa: ASYNC110  a lock of the system has no event
            await asyncio.sleep(min(_POLL_SECONDS, served.idle_seconds / 2))
    finally:
        # However the watch ends: without it the server would never end.
        server.should_exit = True


def _may_end(files: ServerFiles, activity: Activity, served: RunningServer) -> bool:
    if not files.folder.exists():
        return True  # removed with its PREFECT_HOME: no run can find the server any more
    if activity.idle_seconds() < served.idle_seconds:
        return False
    with files.ending() as is_unused:
        if is_unused:
            files.clear()
        return is_unused


if __name__ == "__main__":
    main()
