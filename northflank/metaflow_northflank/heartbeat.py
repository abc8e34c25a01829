"""The run's sign of life in the datastore, by which its containers, and later runs, know whether it is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from enum import Enum
from io import BytesIO
from typing import Any
from uuid import uuid4

from metaflow_northflank.attempt import load_json

LOST_AFTER = "METAFLOW_NORTHFLANK_LOST_AFTER"
"""The variable that tells a container after how many seconds without a sign its run is lost; empty: never."""

INTERVAL_SECONDS = 4.0
"""Between two signs, and between two looks for one."""


@dataclass(frozen=True, kw_only=True)
class Sign:
    """One sign of life."""

    beat: str
    """Differs from that of every other sign."""
    nonce: str
    """The number that was drawn for the run: its jobs are named after it, so that no other run is taken for it."""
    at: float
    """When it was given, by the clock of the run's machine: good for a guess, because clocks differ."""
    lost_after: float
    """Seconds without another sign after which the run is lost."""
    may_finish: bool
    """Whether the run's containers go on without it."""
    is_last: bool
    """Whether the run has ended."""

    def seems_recent(self, now: float) -> bool:
        """Return whether it was given a moment before *now*, if the clock here agrees with that of the run's machine."""
        return abs(now - self.at) < self.lost_after and not self.is_last


_FIELDS = frozenset(field.name for field in fields(Sign))


class Heartbeat:
    """The sign of life of one run: a value that changes."""

    def __init__(self, flow_datastore: Any, run_id: str) -> None:
        self._storage = flow_datastore._storage_impl  # noqa: SLF001  no public way to a file that is not a task's
        self._path = self._storage.path_join(
            flow_datastore.flow_name, "_northflank", f"{run_id}.json"
        )

    def beat(
        self, *, nonce: str, lost_after: float, may_finish: bool, is_last: bool = False
    ) -> None:
        """Give a sign of life."""
        sign = Sign(
            beat=uuid4().hex,
            nonce=nonce,
            at=time.time(),
            lost_after=lost_after,
            may_finish=may_finish,
            is_last=is_last,
        )
        content = json.dumps(asdict(sign)).encode()
        self._storage.save_bytes([(self._path, BytesIO(content))], overwrite=True)

    def last(self) -> Sign | None:
        """Return the last sign; None before the first one."""
        found = load_json(self._storage, self._path)
        # A later version may write more.
        return (
            None
            if found is None
            else Sign(**{name: it for name, it in found.items() if name in _FIELDS})
        )


class Life(str, Enum):
    """What the signs of a run say."""

    ALIVE = "alive"
    """There is another one than at the first look."""
    SILENT = "silent"
    """There is no other yet."""
    LOST = "lost"
    """There has been no other for too long, or the run has ended."""
    UNKNOWN = "unknown"
    """The datastore cannot be read, which says nothing about the run."""


class LifeWatch:
    """Watches the signs of life of a run. It measures how long it has seen none itself: clocks of machines differ."""

    def __init__(
        self,
        last: Callable[[], Sign | None],
        lost_after: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._last = last
        self._lost_after = lost_after
        self._clock = clock
        self._has_looked = False
        self._has_changed = False
        self._changed_at = clock()
        self.sign: Sign | None = None
        """The last one that was seen."""

    def look(self) -> Life:
        """Look for another sign, and return what that says."""
        try:
            sign = self._last()
        except Exception:  # noqa: BLE001  storage clients raise anything; the next look may succeed
            self._changed_at = self._clock()
            return Life.UNKNOWN
        if sign != self.sign:
            self._has_changed = self._has_looked
            self.sign, self._changed_at = sign, self._clock()
        self._has_looked = True
        if (sign is not None and sign.is_last) or (
            self._clock() - self._changed_at > self._lost_after
        ):
            return Life.LOST
        return Life.ALIVE if self._has_changed else Life.SILENT
