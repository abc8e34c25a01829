"""The Prefect server of a machine where none is configured: it starts on demand, is shared, and ends when idle."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from metaflow_prefect.errors import ServerRefused
from metaflow_prefect.runtime.servers.local_server_files import (
    Mode,
    RunningServer,
    ServerFiles,
    idle_seconds,
)
from metaflow_prefect.server_settings import SERVER_SETTINGS

__all__ = ["Mode", "Status", "status", "stop", "using"]

_STARTUP_SECONDS = 120.0
_ENDING_SECONDS = 15.0
_ANSWER_SECONDS = 10.0
_POLL_SECONDS = 0.05
_LOG_LINES = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The local server as it is now; `server` is None where there is none."""

    server: RunningServer | None
    is_used: bool
    log: Path


@contextmanager
def using(
    prefect_home: Path, environment: Mapping[str, str], say: Callable[[str], None]
) -> Iterator[str]:
    """Yield the address of the local server's API, and keep the server alive; start it if there is none.

    *say* prints a line about a start, which takes seconds.

    Raises:
        ServerRefused: it does not start, or a run uses one of another release of Prefect.
        SettingRefused: see `idle_seconds`.
    """
    files = _files(prefect_home)
    with contextlib.ExitStack() as stack:
        with files.starting():
            server = _found(files) or _start(files, environment, say)
            stack.enter_context(files.using())
        yield server.url


def status(prefect_home: Path) -> Status:
    """Return the state of the local server."""
    files = _files(prefect_home)
    server = files.read()
    is_there = server is not None and _answers(server)
    return Status(server=server if is_there else None, is_used=files.is_used(), log=files.log)


def stop(prefect_home: Path, *, even_if_used: bool = False) -> RunningServer | None:
    """End the local server and return it; None if there is none.

    Raises:
        ServerRefused: a run uses it, unless *even_if_used*.
    """
    files = _files(prefect_home)
    with files.starting():
        server = files.read()
        if server is None or not _answers(server):
            files.clear()
            return None
        if files.is_used() and not even_if_used:
            raise ServerRefused(
                f"A run uses the local server at {server.url}.",
                fix="wait for its end, or stop the server with --force: the run will fail",
            )
        _end(server)
        files.clear()
        return server


def _files(prefect_home: Path) -> ServerFiles:
    try:
        return ServerFiles.below(prefect_home)
    except OSError as error:
        raise ServerRefused(
            f"The local server cannot use PREFECT_HOME={prefect_home}: {error.strerror}.",
            fix="set PREFECT_HOME to a folder that you can write, or configure a server with PREFECT_API_URL",
        ) from error


def _found(files: ServerFiles) -> RunningServer | None:
    """Return the recorded server if it answers and has this environment's release of Prefect."""
    import prefect

    server = files.read()
    if server is None or not _answers(server):
        return None
    if server.prefect_version == prefect.__version__:
        return server
    if files.is_used():
        raise ServerRefused(
            f"The local server at {server.url} has Prefect {server.prefect_version}, "
            f"this environment has {prefect.__version__}, and another run uses that server.",
            fix="wait for that run's end, or give this environment its own PREFECT_HOME",
        )
    _end(server)
    return None


def _answers(server: RunningServer) -> bool:
    """Say whether the server is there; a busy one gets time, because no other may take its place."""
    deadline = time.monotonic() + _STARTUP_SECONDS
    while (is_well := _is_well(server)) is None and time.monotonic() < deadline:
        pass
    return bool(is_well)


def _is_well(server: RunningServer) -> bool | None:
    """Ask the server for its health; None if it accepted the request and did not answer in time."""
    import httpx

    try:
        return httpx.get(f"{server.url}/health", timeout=_ANSWER_SECONDS).is_success
    except httpx.TimeoutException:
        return None
    except httpx.HTTPError:
        return False


def _start(
    files: ServerFiles, environment: Mapping[str, str], say: Callable[[str], None]
) -> RunningServer:
    files.clear()
    idle = idle_seconds(environment)
    say(
        "No PREFECT_API_URL is set: starting a Prefect server on this machine. "
        f"The next run uses it too; it ends when idle for {idle:.0f} s."
    )
    package = str(Path(__file__).resolve().parents[3])
    with files.log.open("wb") as log:
        files.log.chmod(0o600)
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                f"{__package__}.local_server_process",
                str(files.folder),
                str(idle),
            ],
            env={
                **SERVER_SETTINGS,
                **environment,
                "PYTHONPATH": os.pathsep.join(
                    filter(None, (package, environment.get("PYTHONPATH")))
                ),
            },
            cwd=files.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # It outlives this process, and Ctrl-C is not for it.
            start_new_session=True,
        )
    return _started(files, process)


def _started(files: ServerFiles, process: subprocess.Popen[bytes]) -> RunningServer:
    deadline = time.monotonic() + _STARTUP_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        server = files.read()
        if server is not None and server.pid == process.pid:
            return server
        time.sleep(_POLL_SECONDS)
    code = process.poll()
    if code is None:
        process.kill()
        process.wait()
    why = f"it ended with exit code {code}" if code is not None else "it took too long"
    last = "\n".join(files.log.read_text(errors="replace").splitlines()[-_LOG_LINES:])
    raise ServerRefused(
        f"Prefect's server did not start: {why}. The end of {files.log}:\n{last}",
        fix="correct the cause in this log, or configure a server with PREFECT_API_URL",
    )


def _end(server: RunningServer) -> None:
    """End the server's process, with SIGTERM first and then with SIGKILL."""
    deadline = time.monotonic() + _ENDING_SECONDS
    with contextlib.suppress(ProcessLookupError):
        os.kill(server.pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            os.kill(server.pid, 0)
            _reap(server.pid)
            time.sleep(_POLL_SECONDS)
        os.kill(server.pid, signal.SIGKILL)


def _reap(pid: int) -> None:
    """Reap the server if it is a child of this process: a zombie would look alive."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
