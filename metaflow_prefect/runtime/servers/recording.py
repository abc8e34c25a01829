"""Waiting until the server has recorded what a flow run told it."""

from __future__ import annotations

import threading
import time
from uuid import UUID

_PATIENCE_SECONDS = 30.0
_TERMINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


def wait_until_recorded(flow_run_id: UUID, task_runs: int) -> None:
    """Wait until the embedded server has recorded *task_runs* of the flow run, at most half a minute.

    Task runs are events; those still under way when the process ends would be lost.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterId,
        TaskRunFilter,
        TaskRunFilterState,
        TaskRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.events.worker import EventsWorker

    deadline = time.monotonic() + _PATIENCE_SECONDS
    sent = threading.Thread(target=EventsWorker.instance().wait_until_empty, daemon=True)
    sent.start()
    sent.join(_PATIENCE_SECONDS)
    terminal = [kind for kind in StateType if kind.name in _TERMINAL]
    wanted = {
        "flow_runs": FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])).model_dump(mode="json"),
        "task_runs": TaskRunFilter(
            state=TaskRunFilterState(type=TaskRunFilterStateType(any_=terminal))
        ).model_dump(mode="json"),
    }
    with get_client(sync_client=True) as client:
        while time.monotonic() < deadline:
            if client.request("POST", "/task_runs/count", json=wanted).json() >= task_runs:
                return
            time.sleep(0.05)
