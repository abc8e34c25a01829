"""Suspension: whether this flow run was suspended, and must stop after the tasks that are running now."""

from __future__ import annotations

import time
from typing import Any

_EVERY_SECONDS = 5.0


class Suspension:
    """Asks the server every few seconds whether the flow run was suspended.

    Prefect's engine does not ask: it goes on with a flow run that was suspended from
    outside, and only refuses to begin it again.
    """

    def __init__(self, flow_run: Any) -> None:
        # Only a deployment's run can be executed again, so only that one can be suspended.
        self._flow_run_id = flow_run.id if flow_run.deployment_id is not None else None
        self._asked = time.monotonic()

    def state(self) -> Any | None:
        """Return Prefect's Suspended state if the flow run is in it; asks every few seconds at most."""
        if self._flow_run_id is None or time.monotonic() - self._asked < _EVERY_SECONDS:
            return None
        from prefect.client.orchestration import get_client

        self._asked = time.monotonic()
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(self._flow_run_id).state
        return state if state is not None and state.is_paused() else None
