"""The Prefect server of a machine where none is configured: started on demand, shared, ended when idle."""

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
    MODE_VARIABLE,
    Mode,
    Place,
    Served,
    idle_seconds,
)
from metaflow_prefect.server_settings import SERVER_SETTINGS

__all__ = ["MODE_VARIABLE", "Mode", "Status", "status", "stop", "using"]

_STARTUP_SECONDS = 120.0
_ENDING_SECONDS = 15.0
_ANSWER_SECONDS = 10.0
_POLL_SECONDS = 0.05
_LOG_LINES = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The local server as it is now; `served` is None where there is none."""

    served: Served | None
    is_used: bool
    log: Path


@contextmanager
def using(
    prefect_home: Path, environment: Mapping[str, str], say: Callable[[str], None]
) -> Iterator[str]:
    """Yield the API's address of the local server, which is started if there is none, and keep it alive.

    *say* is told of a start, which takes seconds.

    Raises:
        ServerRefused: it does not start, or one of another release of Prefect is in use.
        SettingRefused: see `idle_seconds`.
    """
    place = _place(prefect_home)
    with contextlib.ExitStack() as stack:
        with place.starting():
            served = _found(place) or _start(place, environment, say)
            stack.enter_context(place.using())
        yield served.url


def status(prefect_home: Path) -> Status:
    """Return what there is to say of the local server."""
    place = _place(prefect_home)
    served = place.read()
    is_there = served is not None and _answers(served)
    return Status(served=served if is_there else None, is_used=place.is_used(), log=place.log)


def stop(prefect_home: Path, *, even_if_used: bool = False) -> Served | None:
    """End the local server; return which it was, None where there is none.

    Raises:
        ServerRefused: a run uses it, unless *even_if_used*.
    """
    place = _place(prefect_home)
    with place.starting():
        served = place.read()
        if served is None or not _answers(served):
            place.clear()
            return None
        if place.is_used() and not even_if_used:
            raise ServerRefused(
                f"A run uses the local server at {served.url}.",
                fix="wait for its end, or stop the server with --force: the run will fail",
            )
        _end(served)
        place.clear()
        return served


def _place(prefect_home: Path) -> Place:
    try:
        return Place.below(prefect_home)
    except OSError as error:
        raise ServerRefused(
            f"The local server has no place in PREFECT_HOME={prefect_home}: {error.strerror}.",
            fix="set PREFECT_HOME to a folder that you can write, or configure a server with PREFECT_API_URL",
        ) from error


def _found(place: Place) -> Served | None:
    """Return the recorded server if it answers and is of our release of Prefect."""
    import prefect

    served = place.read()
    if served is None or not _answers(served):
        return None
    if served.prefect_version == prefect.__version__:
        return served
    if place.is_used():
        raise ServerRefused(
            f"The local server at {served.url} is of Prefect {served.prefect_version}, "
            f"this is {prefect.__version__}, and another run uses it.",
            fix="wait for that run's end, or give this environment a PREFECT_HOME of its own",
        )
    _end(served)
    return None


def _answers(served: Served) -> bool:
    """Say whether the server is there; one that has much to do is given time, since nothing may take its place."""
    deadline = time.monotonic() + _STARTUP_SECONDS
    while (is_well := _is_well(served)) is None and time.monotonic() < deadline:
        pass
    return bool(is_well)


def _is_well(served: Served) -> bool | None:
    """Ask the server; None if it took the question and has not answered in time."""
    import httpx

    try:
        return httpx.get(f"{served.url}/health", timeout=_ANSWER_SECONDS).is_success
    except httpx.TimeoutException:
        return None
    except httpx.HTTPError:
        return False


def _start(place: Place, environment: Mapping[str, str], say: Callable[[str], None]) -> Served:
    place.clear()
    idle = idle_seconds(environment)
    say(
        "No PREFECT_API_URL is set: starting a Prefect server on this machine. "
        f"The next run uses it too; it ends when idle for {idle:.0f} s."
    )
    package = str(Path(__file__).resolve().parents[3])
    with place.log.open("wb") as log:
        place.log.chmod(0o600)
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                f"{__package__}.local_server_process",
                str(place.folder),
                str(idle),
            ],
            env={
                **SERVER_SETTINGS,
                **environment,
                "PYTHONPATH": os.pathsep.join(
                    filter(None, (package, environment.get("PYTHONPATH")))
                ),
            },
            cwd=place.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # It outlives us, and Ctrl-C is for us.
            start_new_session=True,
        )
    return _started(place, process)


def _started(place: Place, process: subprocess.Popen[bytes]) -> Served:
    deadline = time.monotonic() + _STARTUP_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        served = place.read()
        if served is not None and served.pid == process.pid:
            return served
        time.sleep(_POLL_SECONDS)
    code = process.poll()
    if code is None:
        process.kill()
        process.wait()
    why = f"it ended with exit code {code}" if code is not None else "it took too long"
    last = "\n".join(place.log.read_text(errors="replace").splitlines()[-_LOG_LINES:])
    raise ServerRefused(
        f"Prefect's server did not start: {why}. The end of {place.log}:\n{last}",
        fix="correct what it says, or configure a server with PREFECT_API_URL",
    )


def _end(served: Served) -> None:
    """End the server's process: politely, then for good."""
    deadline = time.monotonic() + _ENDING_SECONDS
    with contextlib.suppress(ProcessLookupError):
        os.kill(served.pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            os.kill(served.pid, 0)
            _reap(served.pid)
            time.sleep(_POLL_SECONDS)
        os.kill(served.pid, signal.SIGKILL)


def _reap(pid: int) -> None:
    """Let go of it where it is a child of ours: a zombie would look alive."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
