"""The interface of executors: containers to start, and how they end. Knows no process and no API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from northflank_emulator.state.log_store import WrittenLine


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """A container to start.

    Args:
        job: the id of the job.
        name: the container's name, unique in this emulator.
        image: the image path as the job names it.
        deployment: the job's `deployment`, which says what to execute: the image's entrypoint and command or its own.
        environment: the variables of the job, the run, secret groups and the platform.
        files: the contents of files, by their absolute path in the container.
        memory_mb: the memory above which the container is killed; None for no limit.
    """

    job: str
    name: str
    image: str
    deployment: Mapping[str, object]
    environment: Mapping[str, str]
    files: Mapping[str, bytes]
    memory_mb: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a container ended; `reason` is Kubernetes' word for it (Completed, Error, OOMKilled, …)."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The memory that a container uses, and the processor time it has used so far."""

    memory_bytes: int
    cpu_seconds: float


class ImagePullFailed(Exception):
    """The image cannot be pulled; the container waits for it forever, as on a cluster."""


Sink = Callable[[Sequence[WrittenLine]], None]
"""A function that receives lines as they arrive, in order."""


class Container(Protocol):
    """A started container."""

    async def wait(self) -> Exit:
        """Wait for its end; by then the sink has every line of its log."""
        ...

    def terminate(self) -> None:
        """Ask it to stop (SIGTERM)."""
        ...

    def kill(self) -> None:
        """Kill it with everything it started (SIGKILL)."""
        ...


class Executor(Protocol):
    """Starts containers."""

    async def start(self, spec: ContainerSpec, sink: Sink) -> Container:
        """Start a container.

        Raises:
            ImagePullFailed: the image is not known.
        """
        ...

    def usage(self) -> Mapping[str, Usage]:
        """Return what each running container uses, by its name; empty if that cannot be measured."""
        ...
