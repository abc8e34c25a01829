"""Which executor executes a command: a fork server where the result is the same, a fresh process elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from metaflow_prefect.runtime.steps.executor_protocol import Command, OnLine, StepExecutor
from metaflow_prefect.runtime.steps.fork_server_client import ForkKey, ForkServer, ServerLost
from metaflow_prefect.runtime.steps.fresh_process import FreshProcess
from metaflow_prefect.runtime.steps.step_settings import ExecutorKind

_MAX_SERVERS = 4
"""Each holds the imported flow in memory; further environments get fresh processes."""

_EVERY_STEP = "every step"


def executor(
    kind: ExecutorKind,
    key: ForkKey,
    metaflow_environment: str | None,
    say: Callable[[str], None],
    early: ForkServer | None = None,
) -> StepExecutor:
    """Return the executor for the flow of *key*; if it forks, its server starts now.

    *metaflow_environment* is the value of `--environment` under which Metaflow makes the steps' interpreters, if it does.
    *say* writes a line for people: once for each reason, which steps get fresh processes and why. *early* is a
    server that has been started already; it is used if its key is the same.
    """
    if kind is ExecutorKind.FRESH:
        return FreshProcess()
    refusal = why_never(sys.platform, metaflow_environment)
    if refusal is not None:
        say(_because(_EVERY_STEP, refusal))
        return FreshProcess()
    is_same = early is not None and early.key == key.without_run_id()
    return ForkingExecutor(kind, key, say, early if is_same else None)


def why_never(platform: str, metaflow_environment: str | None) -> str | None:
    """Return why no step of the flow can be forked here, in words, or None if steps can be forked.

    >>> why_never("darwin", None)
    'forking is only safe on Linux'
    >>> why_never("linux", "conda")
    '--environment=conda gives each step its own interpreter'
    >>> why_never("linux", None)
    """
    if platform != "linux":
        return "forking is only safe on Linux"
    if metaflow_environment is not None:
        return f"--environment={metaflow_environment} gives each step its own interpreter"
    return None


class ForkingExecutor:
    """Forks from a server that has imported the flow in the command's environment, if that is safe."""

    def __init__(
        self,
        kind: ExecutorKind,
        key: ForkKey,
        say: Callable[[str], None],
        early: ForkServer | None = None,
    ) -> None:
        self._kind = kind
        self._key = key
        self._say = say
        self._fresh = FreshProcess()
        self._lock = threading.Lock()
        self._said: set[str] = set()
        self._seen: set[tuple[str, frozenset[tuple[str, str]]]] = set()
        self._is_stopped = False
        self._servers = [early or ForkServer(key, kind.value)]

    def run(self, command: Command, on_line: OnLine) -> int:
        """Execute *command* (see `StepExecutor.run`)."""
        server = self._server_for(command)
        if server is not None and server.needs_run_id():
            server = self._in_place_of(server)
        if server is not None and (why := server.unfit()) is not None:
            self._explain(_EVERY_STEP, why)
        elif server is not None:
            try:
                return server.run(command, on_line)
            except ServerLost as lost:
                self._explain(command.name, str(lost))
        return self._fresh.run(command, on_line)

    def stop(self) -> None:
        """End every running command (see `StepExecutor.stop`), then the servers."""
        with self._lock:
            self._is_stopped = True
            executors: tuple[StepExecutor, ...] = (*self._servers, self._fresh)
        # At the same time: each gives its tasks a moment to end.
        threads = [threading.Thread(target=executor.stop) for executor in executors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _server_for(self, command: Command) -> ForkServer | None:
        """Return the server for *command*'s environment; start one if more commands will use it."""
        with self._lock:
            for server in self._servers:
                if server.key.request(command) is not None:
                    return server
            key = self._key.of_command(command)
            if self._is_stopped or key.request(command) is None:
                return None
            if self._is_worth_it(command) and len(self._servers) < _MAX_SERVERS:
                self._servers.append(ForkServer(key, self._kind.value))
                return self._servers[-1]
        why = "it has packages of its own"
        if key.python == self._key.python:
            why = "its @environment must be there when the flow is imported"
        self._explain(command.name, why)
        return None

    def _in_place_of(self, early: ForkServer) -> ForkServer:
        """Replace *early*, whose flow asked for the run's id, by a server that has it."""
        with self._lock:
            if early in self._servers and not self._is_stopped:
                place = self._servers.index(early)
                self._servers[place] = ForkServer(self._key, self._kind.value)
            return self._servers[0]

    def _is_worth_it(self, command: Command) -> bool:
        """Say whether an interpreter and environment were seen before: a server does not pay for a single task."""
        added = frozenset(command.environment.items() - self._key.environment.items())
        key = (command.words[0], added)
        comes_back = key in self._seen or self._kind is ExecutorKind.FORK
        self._seen.add(key)
        return comes_back

    def _explain(self, name: str, why: str) -> None:
        text = _because(name, why)
        with self._lock:
            is_new = text not in self._said and not self._is_stopped
            self._said.add(text)
        if is_new:
            self._say(text)


def _because(name: str, why: str) -> str:
    return f"{name}: fresh process, because {why}"
