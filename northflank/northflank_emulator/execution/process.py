"""Containers as local processes, each with its own session, an empty directory and a given environment."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from northflank_emulator.execution import images
from northflank_emulator.execution.container import ContainerSpec, Exit, Sink, Usage
from northflank_emulator.execution.line_splitter import LineSplitter
from northflank_emulator.execution.meter import Meter
from northflank_emulator.fields.schema import JsonObject
from northflank_emulator.state.clock import Clock
from northflank_emulator.state.container_command import argv
from northflank_emulator.state.models import Stream

_HERE: Final = Path(__file__).parent
_INIT: Final = _HERE / "init_process.py"
_STOCK_ENTRYPOINT: Final = _HERE / "stock_entrypoint.py"
_EXTRA_PACKAGES: Final = "EXTRA_PIP_PACKAGES"
_READ_SIZE: Final = 65536
_KILLED: Final = 137


class ProcessExecutor:
    """Starts each container as a process tree that ends as a whole.

    Owns a temporary directory with one directory per container; `close` removes it.
    """

    def __init__(self, known: images.Images, clock: Clock, *, memory_limits: bool = True) -> None:
        self._images = known
        self._clock = clock
        self._root = Path(tempfile.mkdtemp(prefix="northflank-emulator-"))
        self._meter = Meter()
        self._memory_limits = memory_limits
        self._running: dict[str, ProcessContainer] = {}

    async def start(self, spec: ContainerSpec, sink: Sink) -> ProcessContainer:
        """Start the container's first process.

        Raises:
            ImagePullFailed: the image is not known.
        """
        image = self._images.pull(spec.image)
        directory = self._root / spec.name
        home = directory / "home"
        for part in (home, directory / "work"):
            part.mkdir(parents=True)
        _write_files(directory / "files", spec.files)
        environment = {**image.variables(home), **spec.environment}
        order: JsonObject = {
            "argv": list(_words(spec, image, directory, environment)),
            "env": dict(environment),
            "cwd": str(directory / "work"),
        }
        process, lifeline = await _launch(order)
        container = ProcessContainer(
            process=process,
            lifeline=lifeline,
            pumps=[
                _pump(process.stdout, LineSplitter(Stream.STDOUT, self._clock), sink),
                _pump(process.stderr, LineSplitter(Stream.STDERR, self._clock), sink),
            ],
            directory=directory,
            memory_bytes=spec.memory_mb * 1024 * 1024 if spec.memory_mb else None,
        )
        self._running[spec.name] = container
        return container

    def usage(self) -> Mapping[str, Usage]:
        """Measure every running container, and kill those that exceed their memory limit."""
        self._running = {name: it for name, it in self._running.items() if it.running}
        measured = self._meter.measure({name: it.pid for name, it in self._running.items()})
        if self._memory_limits:
            for name, usage in measured.items():
                memory = self._running[name].check_memory(usage.memory_bytes, self._meter)
                measured[name] = replace(usage, memory_bytes=memory)
        return measured

    def close(self) -> None:
        """Remove what the containers left on disk."""
        shutil.rmtree(self._root, ignore_errors=True)


class ProcessContainer:
    """A container whose first process is `init_process.py`."""

    def __init__(
        self,
        *,
        process: Process,
        lifeline: asyncio.WriteTransport,
        pumps: list[asyncio.Task[None]],
        directory: Path,
        memory_bytes: int | None,
    ) -> None:
        self._process = process
        self._lifeline = lifeline
        self._pumps = pumps
        self._directory = directory
        self._memory_bytes = memory_bytes
        self._out_of_memory = False

    @property
    def pid(self) -> int:
        """The id of the container's first process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the first process is still there."""
        return self._process.returncode is None

    async def wait(self) -> Exit:
        """Wait for its end; by then its log is complete and its directory is gone."""
        code = await self._process.wait()
        await asyncio.gather(*self._pumps)
        self._lifeline.close()
        shutil.rmtree(self._directory, ignore_errors=True)
        if self._out_of_memory:
            return Exit(code=_KILLED, reason="OOMKilled")
        code = code if code >= 0 else 128 - code
        return Exit(code=code, reason="Error" if code else "Completed")

    def terminate(self) -> None:
        """Send SIGTERM to the process group of the command."""
        self._publish(b"TERM\n")

    def kill(self) -> None:
        """Send SIGKILL to everything in the container."""
        self._publish(b"KILL\n")

    def check_memory(self, used_bytes: int, meter: Meter) -> int:
        """Kill the container if it uses more memory than its plan has; return how much it uses, as exactly as needed."""
        limit = self._memory_bytes
        if limit is None or used_bytes <= limit or self._out_of_memory:
            return used_bytes
        exactly = meter.proportional_bytes(self.pid)
        if exactly > limit:
            self._out_of_memory = True
            self.kill()
        return exactly

    def _publish(self, order: bytes) -> None:
        if not self._lifeline.is_closing():
            self._lifeline.write(order)


async def _launch(order: JsonObject) -> tuple[Process, asyncio.WriteTransport]:
    """Start the first process and send it its order; it ends when the pipe closes."""
    reading, writing = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-S", "-B"),
            str(_INIT),
            str(reading),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env={},
            pass_fds=(reading,),
            start_new_session=True,
        )
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    loop = asyncio.get_running_loop()
    lifeline, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(writing, "wb", 0))
    lifeline.write(json.dumps(order).encode() + b"\n")
    return process, lifeline


def _words(
    spec: ContainerSpec, image: images.Image, directory: Path, environment: Mapping[str, str]
) -> list[str]:
    deployment: JsonObject = dict(spec.deployment)  # type: ignore[arg-type]  # a checked JSON object
    entrypoint = image.entrypoint
    if image.installs_packages and environment.get(_EXTRA_PACKAGES):
        overlay = directory / "packages"
        entrypoint = (sys.executable, "-I", "-S", str(_STOCK_ENTRYPOINT), str(overlay))
    return list(argv(deployment, entrypoint, image.command))


def _write_files(root: Path, files: Mapping[str, bytes]) -> None:
    """Write the job's files below *root*, because processes share the machine's file system."""
    for name, content in files.items():
        path = root / name.lstrip("/")
        if root in path.resolve().parents:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _pump(
    reader: asyncio.StreamReader | None, splitter: LineSplitter, sink: Sink
) -> asyncio.Task[None]:
    async def pump() -> None:
        while reader is not None and (some := await reader.read(_READ_SIZE)):
            if lines := splitter.feed(some):
                sink(lines)
        if lines := splitter.finish():
            sink(lines)

    return asyncio.create_task(pump())
