"""What containers used over time: the samples behind the metrics endpoint."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from northflank_emulator.execution.container import Usage

_RESOLUTION = timedelta(seconds=1)
_SAMPLES = 3600
_CONTAINERS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement of a container: processors in use since the previous one, and memory."""

    at: datetime
    vcpu: float
    memory_bytes: int
    cpu_seconds: float


class MetricStore:
    """The latest samples of the latest containers, in memory only."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[Sample]] = {}

    def record(self, usage: Mapping[str, Usage], now: datetime) -> None:
        """Keep one sample per container and second, with the most memory that was measured in that second."""
        for name, used in usage.items():
            samples = self._samples.setdefault(name, deque(maxlen=_SAMPLES))
            last = samples[-1] if samples else None
            if last is None or now - last.at >= _RESOLUTION:
                samples.append(_sample(used, last, now))
            elif used.memory_bytes > last.memory_bytes:
                samples[-1] = replace(last, memory_bytes=used.memory_bytes)
        while len(self._samples) > _CONTAINERS:
            del self._samples[next(iter(self._samples))]

    def of(self, container: str) -> tuple[Sample, ...]:
        """Return the samples of a container, oldest first."""
        return tuple(self._samples.get(container, ()))


def _sample(used: Usage, last: Sample | None, now: datetime) -> Sample:
    elapsed = (now - last.at).total_seconds() if last else 0
    worked = used.cpu_seconds - last.cpu_seconds if last else 0
    return Sample(
        at=now,
        vcpu=round(max(0, worked) / elapsed, 4) if elapsed > 0 else 0,
        memory_bytes=used.memory_bytes,
        cpu_seconds=used.cpu_seconds,
    )
