"""The client of one fork server: starts it, sends it commands from many threads, ends it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from metaflow_prefect.names import RUN_ID_VARIABLE
from metaflow_prefect.runtime.in_flow import flow_command
from metaflow_prefect.runtime.steps import commands
from metaflow_prefect.runtime.steps.executor_protocol import Command, OnLine, Stream
from metaflow_prefect.runtime.steps.processes import (
    POLL_SECONDS,
    RunningGroups,
    end_group,
    pump,
    signal_group,
)

_SERVER = str(Path(flow_command.__file__).with_name("fork_server.py"))
_LATE_VARIABLES = "METAFLOW_INIT_"
"""Variables by which `init` takes parameters: Metaflow reads them after the flow's import."""
_CHUNK = 65536


class ServerLost(Exception):
    """The server could not start the command; nothing of it has happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkKey:
    """What a fork server has imported: by which interpreter, which flow, with which options and environment, and where."""

    python: str
    flow_file: str
    options: Sequence[str]
    environment: Mapping[str, str]
    folder: str | None = None

    @classmethod
    def of(cls, run: commands.RunContext, environment: Mapping[str, str]) -> ForkKey:
        """Return the key of a server for the commands of *run* in *environment*."""
        python, flow_file, *options = commands.top_level(run)
        return cls(
            python=python,
            flow_file=flow_file,
            options=tuple(options),
            environment=environment,
            folder=run.program.working_directory,
        )

    def without_run_id(self) -> ForkKey:
        """Return the same key without the run's id, for a server that is started before the run has one."""
        known = {name: it for name, it in self.environment.items() if name != RUN_ID_VARIABLE}
        return self.in_environment(known)

    def in_environment(self, environment: Mapping[str, str]) -> ForkKey:
        """Return the same key with another environment."""
        return replace(self, environment=environment)

    def of_command(self, command: Command) -> ForkKey:
        """Return the same key with the interpreter and the environment of *command*."""
        return replace(self, python=command.words[0], environment=command.environment)

    def request(self, command: Command) -> Mapping[str, Any] | None:
        """Return the request for *command*, or None where only a fresh process can execute it."""
        late = _later_variables(self.environment, command.environment)
        python, script, *words = command.words
        if late is None or python != self.python or command.folder != self.folder:
            return None
        if script == self.flow_file:
            return {"words": words, "variables": late, "reads_environment": False}
        if script != flow_command.__file__ or words[1:2] != [self.flow_file]:
            return None
        parts = {flow_command.Part(word) for word in words[0].split(",")}
        if flow_command.Part.INTERPRETERS in parts:
            return None
        # The server has applied the other parts before it is ready.
        reads_environment = flow_command.Part.ENVIRONMENT in parts
        return {"words": words[2:], "variables": late, "reads_environment": reads_environment}


def _later_variables(
    before: Mapping[str, str], wanted: Mapping[str, str]
) -> Mapping[str, str] | None:
    """Return what *wanted* adds to *before*, or None where the flow's import could depend on it.

    A server that was started before the run had an id reports whether the import asked for it.
    """
    if not before.keys() <= wanted.keys():
        return None
    late = {name: value for name, value in wanted.items() if before.get(name) != value}
    unknown = set() if RUN_ID_VARIABLE in before else {RUN_ID_VARIABLE}
    return (
        late if all(name in unknown or name.startswith(_LATE_VARIABLES) for name in late) else None
    )


class ForkServer:
    """One server process and the commands it runs. With *mode* "fork" it ignores what the import has left behind."""

    def __init__(self, key: ForkKey, mode: str) -> None:
        self.key = key
        self._groups = RunningGroups()
        self._sending = threading.Lock()
        self._booting = threading.Lock()
        self._answer: Mapping[str, Any] | None = None
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [key.python, _SERVER, str(theirs.fileno()), mode, key.flow_file, *key.options],
                env=dict(key.environment),
                cwd=key.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # Ctrl-C is for this process: it ends the server when its tasks have ended.
                start_new_session=True,
            )

    def needs_run_id(self) -> bool:
        """Wait for the import; say whether it asked for the run's id, which was not known when the server started."""
        self.unfit()
        return bool((self._answer or {}).get("too_early"))

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def unfit(self) -> str | None:
        """Wait for the import; return why the server cannot be used, in words, or None if it can."""
        with self._booting:
            if self._answer is None:
                self._answer = self._boot_answer()
        why: str | None = self._answer.get("unfit")
        return why

    def _boot_answer(self) -> Mapping[str, Any]:
        text = b""
        while not text.endswith(b"\n"):
            if self._groups.is_stopped:
                return {"unfit": "the run is over"}
            if select.select([self._control], [], [], POLL_SECONDS)[0]:
                data = self._control.recv(_CHUNK)
                if not data:
                    code = self._process.wait()
                    return {"unfit": f"the fork server ended with exit code {code}"}
                text += data
        answer: Mapping[str, Any] = json.loads(text)
        return answer

    def run(self, command: Command, on_line: OnLine) -> int:
        """Execute *command* (see `StepExecutor.run`).

        Raises:
            ServerLost: the server is unfit or gone, or this is not a command for it.
        """
        request = self.key.request(command)
        if self._groups.is_stopped:
            return -signal.SIGTERM
        if request is None or self.unfit() is not None:
            raise ServerLost(self.unfit() or "it is not a command of this flow")
        process = _Forked()
        try:
            process.start(self._ask, request)
            if not self._groups.add(process.pid):
                end_group(process)
            return pump(process, on_line, command.limit_seconds)
        finally:
            process.end()
            self._groups.discard(process.pid)

    def _ask(self, descriptors: Sequence[int]) -> None:
        with self._sending:
            socket.send_fds(self._control, [b"+"], list(descriptors))

    def stop(self) -> None:
        """End every running command, then the server."""
        self._groups.stop()
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(POLL_SECONDS * 50)
        except subprocess.TimeoutExpired:
            # It still imports the flow, and does not read from the socket.
            signal_group(self._process.pid, signal.SIGKILL)
            self._process.wait()
        with self._booting:  # a thread that waits for the import notices the end on the socket
            self._control.close()


class _Forked:
    """A `RunningProcess` that is a child of the server, which reports its end."""

    def __init__(self) -> None:
        self._channel, self._theirs = socket.socketpair()
        readers, writers = zip(os.pipe(), os.pipe(), strict=True)
        self._writers: tuple[int, ...] = writers
        self.outputs: Mapping[Stream, int] = dict(zip(Stream, readers, strict=True))
        self.wakeup = self._channel.fileno()
        self.pid = 0
        self._rest = b""
        self._code: int | None = None

    def start(self, ask: Callable[[Sequence[int]], None], request: Mapping[str, Any]) -> None:
        """Have the server fork, and wait until the child leads its group.

        Raises:
            ServerLost: the server has forked no child.
        """
        try:
            ask((self._theirs.fileno(), *self._writers))
        except OSError as error:
            raise ServerLost(f"the fork server is gone ({error})") from error
        finally:
            # The server has them now: the streams end when the task ends.
            self._close_inherited()
        with contextlib.suppress(BrokenPipeError):  # the child has died: `poll` finds that out
            self._channel.sendall(json.dumps(request).encode() + b"\n")
        self._channel.settimeout(0)
        while self.poll() is None and not self.pid:
            select.select([self._channel], [], [], POLL_SECONDS)

    def poll(self) -> int | None:
        """Read the server's messages; return the exit code when it has come.

        Raises:
            ServerLost: the server could not fork, or ended before it did.
        """
        try:
            while self._code is None:
                data = self._channel.recv(_CHUNK)
                if not data:
                    self._orphaned()
                *lines, self._rest = (self._rest + data).split(b"\n")
                for line in lines:
                    self._understand(json.loads(line))
        except BlockingIOError:
            pass
        return self._code

    def _understand(self, message: Mapping[str, Any]) -> None:
        if "refused" in message:
            raise ServerLost(f"the fork server cannot fork: {message['refused']}")
        self.pid = message.get("pid", self.pid)
        self._code = message.get("exit")

    def _orphaned(self) -> None:
        """End the task, whose end the server can no longer report; it counts as killed."""
        if not self.pid:
            raise ServerLost("the fork server is gone")
        signal_group(self.pid, signal.SIGKILL)
        self._code = -signal.SIGKILL

    def wait(self, seconds: float) -> int | None:
        """Wait at most *seconds* for the end; return the exit code if it has come."""
        deadline = time.monotonic() + seconds
        while self.poll() is None and (left := deadline - time.monotonic()) > 0:
            select.select([self._channel], [], [], left)
        return self._code

    def end(self) -> None:
        """End the task if it runs, and close everything."""
        with contextlib.suppress(ServerLost, OSError):
            while self.poll() is None and not self.pid:
                select.select([self._channel], [], [])
            if self.poll() is None:
                end_group(self)
        self._close_inherited()
        self._channel.close()
        for reader in self.outputs.values():
            os.close(reader)

    def _close_inherited(self) -> None:
        self._theirs.close()
        for writer in self._writers:
            os.close(writer)
        self._writers = ()
