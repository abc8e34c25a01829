"""What an executor is given and what it gives back; nothing of processes, nothing of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from northflank_emulator.state.log_store import WrittenLine


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """A container to start.

    Args:
        name: the container's name, unique in this emulator.
        image: the image path as the job names it.
        argv: the words to execute; the executor puts the image's parts in front where asked.
        environment: what the job, the run, secret groups and the platform define.
        files: absolute paths in the container, and what is in them.
        memory_mb: above this the container is killed; None for no limit.
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
    """How a container ended; `reason` in Kubernetes' words (Completed, Error, OOMKilled, …)."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a container uses: bytes of memory, and seconds of processor time so far."""

    memory_bytes: int
    cpu_seconds: float


class ImagePullFailed(Exception):
    """The image cannot be had; the container waits for it for ever, as on a cluster."""


Sink = Callable[[Sequence[WrittenLine]], None]
"""Receives lines as they come, in order."""


class Container(Protocol):
    """A container that was started."""

    async def wait(self) -> Exit:
        """Return its end, when every line of its log has gone to the sink."""
        ...

    def terminate(self) -> None:
        """Ask it to stop (SIGTERM)."""
        ...

    def kill(self) -> None:
        """Stop it with everything it started (SIGKILL)."""
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
        """Return what each running container uses, by its name; empty where that cannot be known."""
        ...
