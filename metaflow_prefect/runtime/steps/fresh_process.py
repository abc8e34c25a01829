"""The executor that starts a fresh interpreter for each command, as Metaflow itself does."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Mapping

from metaflow_prefect.runtime.steps.executor_protocol import Command, OnLine, Stream
from metaflow_prefect.runtime.steps.processes import RunningGroups, end_group, pump


class FreshProcess:
    """One new interpreter per command, each in its own process group."""

    def __init__(self) -> None:
        self._groups = RunningGroups()

    def run(self, command: Command, on_line: OnLine) -> int:
        """Execute *command* (see `StepExecutor.run`)."""
        if self._groups.is_stopped:
            return -signal.SIGTERM
        process = _Started(command)
        try:
            if not self._groups.add(process.pid):
                end_group(process)
            return pump(process, on_line, command.limit_seconds)
        finally:
            if process.poll() is None:
                end_group(process)
            self._groups.discard(process.pid)
            process.close()

    def stop(self) -> None:
        """End every running command (see `StepExecutor.stop`)."""
        self._groups.stop()


class _Started:
    """A `RunningProcess` that this process has started itself."""

    wakeup = None

    def __init__(self, command: Command) -> None:
        # In its own session the task can be ended with everything it started, and nothing else.
        self._process = subprocess.Popen(
            list(command.words),
            env=dict(command.environment),
            cwd=command.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.pid = self._process.pid

    @property
    def outputs(self) -> Mapping[Stream, int]:
        pipes = {Stream.STDOUT: self._process.stdout, Stream.STDERR: self._process.stderr}
        return {stream: pipe.fileno() for stream, pipe in pipes.items() if pipe is not None}

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self, seconds: float) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode

    def close(self) -> None:
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
