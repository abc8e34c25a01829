"""Starts the supervisor and talks to it over its socket."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from http.client import HTTPException
from typing import Any, cast
from xmlrpc.client import Fault, ProtocolError, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport

from metaflow_prefect.headless.errors import NotRunning, StackFailed
from metaflow_prefect.headless.files.layout import Layout
from metaflow_prefect.headless.services.exec_service import SERVICES
from metaflow_prefect.headless.services.process_environment import MARKER
from metaflow_prefect.headless.services.services import Service, as_environment
from metaflow_prefect.headless.waiting import wait_until


class ShuttingDown(Exception):
    """The supervisor answers only that it is shutting down."""


UNREACHABLE = (OSError, HTTPException, ProtocolError)
"""The supervisor does not answer on its socket, or ended while it did."""


class State(str, Enum):
    """States of a supervised program (supervisord.org/subprocess.html#process-states)."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"
    STOPPING = "STOPPING"
    EXITED = "EXITED"
    FATAL = "FATAL"
    UNKNOWN = "UNKNOWN"

    @property
    def has_process(self) -> bool:
        """Whether there is a process at the moment."""
        return self in {State.STARTING, State.RUNNING, State.STOPPING}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessState:
    """One program as the supervisor sees it; `since` is a Unix time in seconds."""

    name: str
    state: State
    pid: int | None
    since: int
    note: str


class SupervisorClient:
    """Return the supervisor of the stack at *layout*."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def pid(self) -> int | None:
        """Return the supervisor's process id, None if none answers on the socket."""
        try:
            return int(self._call("supervisor.getPID"))
        except ShuttingDown:
            return self._written_pid()
        except UNREACHABLE:
            return None

    def processes(self) -> tuple[ProcessState, ...]:
        """Return the state of every program; empty if no supervisor answers, or it is shutting down."""
        try:
            found = self._call("supervisor.getAllProcessInfo")
        except (ShuttingDown, *UNREACHABLE):
            return ()
        return tuple(
            ProcessState(
                name=item["name"],
                state=State(item["statename"]),
                pid=item["pid"] or None,
                since=item["start"],
                note=item["spawnerr"] or item["description"],
            )
            for item in found
        )

    def start(self, name: str) -> None:
        """Ask for *name* to be started, without waiting; it may run already.

        Raises:
            NotRunning: the supervisor is shutting down.
        """
        self._tolerate(Faults.ALREADY_STARTED, "supervisor.startProcess", name, False)  # noqa: FBT003  XML-RPC has no keywords

    def stop(self, name: str) -> None:
        """Stop *name* and wait until its process has ended.

        Raises:
            NotRunning: the supervisor is shutting down.
        """
        self._tolerate(Faults.NOT_RUNNING, "supervisor.stopProcess", name, True)  # noqa: FBT003  XML-RPC has no keywords

    def shut_down(self) -> None:
        """Ask the supervisor to stop everything, itself last, without waiting."""
        try:
            self._call("supervisor.shutdown")
        except (ShuttingDown, *UNREACHABLE):
            return

    def _written_pid(self) -> int | None:
        try:
            return int(self._layout.pid_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def _tolerate(self, fault: int, method: str, *arguments: object) -> None:
        try:
            self._call(method, *arguments)
        except Fault as error:
            if error.faultCode != fault:
                raise
        except (ShuttingDown, *UNREACHABLE) as error:
            raise NotRunning(
                "the stack is being stopped",
                fix="wait until it has stopped, then run `prefect-headless up`",
            ) from error

    def _call(self, method: str, *arguments: object) -> Any:
        try:
            return self._ask(method, *arguments)
        except Fault as error:
            if error.faultCode == Faults.SHUTDOWN_STATE:
                raise ShuttingDown from error
            raise

    def _ask(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport("", "", f"unix://{self._layout.socket}")
        with ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            target = proxy
            for part in method.split("."):
                target = getattr(target, part)
            return cast("Any", target)(*arguments)


def start_supervisor(
    layout: Layout, every: tuple[Service, ...], *, die_with_parent: bool, timeout_seconds: float
) -> subprocess.Popen[bytes]:
    """Start the supervisor for the services *every*, without starting any of these.

    Raises:
        StackFailed: it did not answer on its socket in time.
    """
    layout.socket.unlink(missing_ok=True)
    arguments = ("--die-with-parent",) if die_with_parent else ()
    with layout.log("supervisord").open("ab") as log:
        process = subprocess.Popen(
            (
                *(sys.executable, "-m", "metaflow_prefect.headless.services.exec_service"),
                *("supervisor", str(layout.configuration), *arguments),
            ),
            # The mark lets `down` find a supervisor that no longer answers.
            env={**os.environ, SERVICES: as_environment(every), MARKER: str(layout.home)},
            cwd=layout.work,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    answering = wait_until(
        SupervisorClient(layout).pid,
        seconds=timeout_seconds,
        every=0.05,
        enough=lambda pid: pid == process.pid or process.poll() is not None,
    )
    if answering == process.pid:
        return process
    process.kill()
    raise StackFailed(
        "the supervisor did not start", fix=f"see the end of {layout.log('supervisord')}"
    )
