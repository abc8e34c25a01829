"""The run's sign of life in the datastore, by which a container knows that its run is not lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any
from uuid import uuid4

from metaflow_northflank.attempt import load_json

LOST_AFTER = "METAFLOW_NORTHFLANK_LOST_AFTER"
"""The variable that tells a container after how many seconds without a sign its run is lost; empty: never."""

INTERVAL_SECONDS = 4.0
"""Between two signs, and between two looks for one."""


class Heartbeat:
    """The sign of life of one run: a value that changes. Clocks of different machines are not compared."""

    def __init__(self, flow_datastore: Any, run_id: str) -> None:
        self._storage = flow_datastore._storage_impl  # noqa: SLF001  no public way to a file that is not a task's
        self._path = self._storage.path_join(
            flow_datastore.flow_name, "_northflank", f"{run_id}.json"
        )

    def beat(self) -> None:
        """Give a sign of life."""
        content = json.dumps({"beat": uuid4().hex}).encode()
        self._storage.save_bytes([(self._path, BytesIO(content))], overwrite=True)

    def last(self) -> str | None:
        """Return the last sign; None before the first one."""
        found = load_json(self._storage, self._path)
        return None if found is None else str(found["beat"])


class LifeWatch:
    """Watches the sign of life of a run."""

    def __init__(
        self,
        last: Callable[[], str | None],
        lost_after: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._last = last
        self._lost_after = lost_after
        self._clock = clock
        self._seen: str | None = None
        self._changed_at = clock()

    def is_lost(self) -> bool:
        """Look, and return whether the sign has not changed for too long.

        A datastore that cannot be read says nothing about the run.
        """
        try:
            sign = self._last()
        except Exception:  # noqa: BLE001  storage clients raise anything; the next look may succeed
            self._changed_at = self._clock()
            return False
        if sign != self._seen:
            self._seen, self._changed_at = sign, self._clock()
        return self._clock() - self._changed_at > self._lost_after
