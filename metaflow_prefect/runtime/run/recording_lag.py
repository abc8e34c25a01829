"""Keeps a run from being faster than Prefect's server records it.

Task runs reach the server as events. It holds 10,000 of them that it has not recorded yet, and drops the others
(prefect/server/utilities/messaging/memory.py): the page of a wide foreach would never show all of its tasks.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

LONGEST_SECONDS = 5.0
"""How long after its end a task may be unknown to the server. The time, unlike a number of tasks, says how full the
server's queue is when other runs fill it too."""

_FEWEST_TASKS = 100
"""With fewer tasks that may be unrecorded, nothing is asked: the events of a small run fit into the queue."""

_LOOK_SECONDS = 2.0
"""The time between two questions to the server."""

_PATIENCE_SECONDS = 60.0
"""How long the run waits for a server that records nothing, or does not answer."""

_SLOWER = (
    "The tasks end faster than Prefect's server records them: from now on, the run waits for it now and then. "
    "PostgreSQL instead of SQLite makes it faster."
)
_STUCK = (
    f"For {_PATIENCE_SECONDS:.0f} seconds Prefect's server has recorded none of the tasks that ended: "
    "the run goes on without waiting for it, and its page may never show all of them."
)


class RecordingLag:
    """Compares the tasks that have ended here with those that the server has recorded.

    *recorded* asks the server for their number, and *say* tells the user, each thing once.
    """

    def __init__(
        self,
        recorded: Callable[[], int],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = recorded
        self._say = say
        self._clock = clock
        self._ended = 0
        self._ends: deque[tuple[float, int]] = deque()
        self._recorded = 0
        self._grew = self._looked = self._clock()
        self._is_behind = False
        self._has_said = False
        self._is_given_up = False

    def task_ended(self) -> None:
        """Record that the server will be told of the end of another task."""
        self._ended += 1
        self._ends.append((self._clock(), self._ended))

    def is_too_long(self) -> bool:
        """Say whether to start no more tasks now; asks the server every two seconds at most, and only in wide runs."""
        now = self._clock()
        if self._is_given_up or self._ended - self._recorded < _FEWEST_TASKS:
            return False
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._look(now)
        return self._is_behind and not self._is_given_up

    def _look(self, now: float) -> None:
        was_behind = self._is_behind
        known = self._asked()
        due = self._due(now)
        self._is_behind = due > known
        if known > self._recorded or not was_behind:
            self._grew = now
        self._recorded = max(self._recorded, known)
        if self._is_behind and not self._has_said:
            self._has_said = True
            self._say(_SLOWER)
        if self._is_behind and now - self._grew >= _PATIENCE_SECONDS:
            self._is_given_up = True
            self._say(_STUCK)

    def _asked(self) -> int:
        try:
            return self._ask()
        except Exception:  # noqa: BLE001  a server that is too busy to answer has recorded nothing new
            return self._recorded

    def _due(self, now: float) -> int:
        """Return how many tasks ended so long ago that the server has to know them."""
        due = 0
        while self._ends and self._ends[0][0] <= now - LONGEST_SECONDS:
            due = self._ends.popleft()[1]
        if due:
            # What is due stays due.
            self._ends.appendleft((now - LONGEST_SECONDS, due))
        return due


def recorded_tasks(flow_run_id: object) -> int:
    """Return how many task runs of the flow run the server knows in a final state."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import TERMINAL_STATES

    body = {
        "task_runs": {
            "flow_run_id": {"any_": [str(flow_run_id)]},
            "state": {"type": {"any_": sorted(kind.value for kind in TERMINAL_STATES)}},
        }
    }
    with get_client(sync_client=True) as client:
        return int(client.request("POST", "/task_runs/count", json=body).json())
