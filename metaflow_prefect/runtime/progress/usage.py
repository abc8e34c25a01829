"""What the container of a run used, in words and as the labels by which Prefect keeps it; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from metaflow_prefect.runtime.progress.in_words import duration

_MEMORY = "container.memory_mb"
_MEMORY_OF = "container.memory_of"
_MEMORY_LIMIT = "container.memory_limit_mb"
_CPU = "container.cpu_seconds"
"""Labels of a flow run. The worker writes the same ones for a container that was killed: see `prefect_northflank`."""


class MemoryOf(str, Enum):
    """What a measured peak of memory is the peak of."""

    CONTAINER = "container"
    LARGEST_PROCESS = "largest process"
    """Where the run shares its machine, only its own processes can be told apart, and one at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a run used: the peak of its memory in MB, and CPU time in seconds; None where it was not measured.

    `memory_limit_mb` is what its container had.

    >>> str(Usage(memory_mb=812.4, memory_limit_mb=2048, cpu_seconds=75))
    'used up to 812 of 2048 MB of memory and 1m 15s of CPU'
    >>> str(Usage(memory_mb=812.4, memory_of=MemoryOf.LARGEST_PROCESS, cpu_seconds=7))
    'used up to 812 MB of memory in one process and 7.0s of CPU'
    """

    memory_mb: float | None = None
    memory_of: MemoryOf = MemoryOf.CONTAINER
    memory_limit_mb: float | None = None
    cpu_seconds: float | None = None

    def __str__(self) -> str:
        measured = (self._memory_in_words(), self._cpu_in_words())
        words = " and ".join(words for words in measured if words)
        return f"used {words}" if words else ""

    def _memory_in_words(self) -> str:
        if self.memory_mb is None:
            return ""
        limit = "" if self.memory_limit_mb is None else f"of {self.memory_limit_mb:.0f} "
        where = "" if self.memory_of is MemoryOf.CONTAINER else " in one process"
        return f"up to {self.memory_mb:.0f} {limit}MB of memory{where}"

    def _cpu_in_words(self) -> str:
        return "" if self.cpu_seconds is None else f"{duration(self.cpu_seconds)} of CPU"

    def after(self, earlier: Usage | None) -> Usage:
        """Return what the run used in all, if an earlier execution of it, in another container, used *earlier*."""
        if earlier is None:
            return self
        larger = max(self, earlier, key=_peak)
        return Usage(
            memory_mb=larger.memory_mb,
            memory_of=larger.memory_of,
            memory_limit_mb=larger.memory_limit_mb,
            cpu_seconds=_sum(self.cpu_seconds, earlier.cpu_seconds),
        )

    def labels(self) -> dict[str, str | float]:
        """Return it as labels of the flow run."""
        numbers = {
            _MEMORY: self.memory_mb,
            _MEMORY_LIMIT: self.memory_limit_mb,
            _CPU: self.cpu_seconds,
        }
        known: dict[str, str | float] = {
            name: round(value, 3) for name, value in numbers.items() if value is not None
        }
        return known if self.memory_mb is None else {**known, _MEMORY_OF: self.memory_of.value}

    @classmethod
    def of(cls, labels: Mapping[str, Any]) -> Usage | None:
        """Read it from the labels of a flow run; None if nothing was measured."""
        memory, limit, cpu = (_amount(labels.get(name)) for name in (_MEMORY, _MEMORY_LIMIT, _CPU))
        if memory is None and cpu is None:
            return None
        is_part = labels.get(_MEMORY_OF) == MemoryOf.LARGEST_PROCESS.value
        return cls(
            memory_mb=memory,
            memory_of=MemoryOf.LARGEST_PROCESS if is_part else MemoryOf.CONTAINER,
            memory_limit_mb=limit,
            cpu_seconds=cpu,
        )

    def summary(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return {
            "memory_mb": self.memory_mb,
            "memory_of": None if self.memory_mb is None else self.memory_of.value,
            "memory_limit_mb": self.memory_limit_mb,
            "cpu_seconds": self.cpu_seconds,
        }


def _peak(usage: Usage) -> float:
    return -1 if usage.memory_mb is None else usage.memory_mb


def _sum(*seconds: float | None) -> float | None:
    known = [value for value in seconds if value is not None]
    return math.fsum(known) if known else None


def _amount(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value < math.inf else None
