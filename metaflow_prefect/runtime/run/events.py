"""Events: those that a deployed run emits, and those that a user publishes."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.servers.connection import prefect_client

END = "end"
"""The name of the last step in events, so that flows that wait for it need not know its name in the flow."""


class Event:
    """A named message; it starts every deployed flow that waits for it with `@trigger`.

    The counterpart of Metaflow's `ArgoEvent`. *name* may be a function that returns the name,
    such as `namespaced_event_name("fresh")`.
    """

    def __init__(
        self, name: str | Callable[[], str], payload: Mapping[str, Any] | None = None
    ) -> None:
        self.name = name() if callable(name) else name
        self._payload = dict(payload or {})

    def add_to_payload(self, key: str, value: object) -> Event:
        """Add a field; unlike ArgoEvent's it keeps its type."""
        self._payload[key] = value
        return self

    def publish(self, payload: Mapping[str, Any] | None = None) -> str:
        """Send the event and return its id; does not wait for any flow to start.

        Raises:
            ServerRefused: the server cannot be reached, or refuses the event.
        """
        from prefect.events.schemas.events import Event as PrefectEvent

        moment = datetime.now(timezone.utc)
        event_id = uuid.uuid4()
        event = PrefectEvent(
            id=event_id,
            occurred=moment,
            event=self.name,
            resource={"prefect.resource.id": f"metaflow.event.{self.name}"},
            payload={
                # The fields that Metaflow's own events have.
                "name": self.name,
                "id": str(event_id),
                "timestamp": int(moment.timestamp()),
                "utc_date": moment.strftime("%Y%m%d"),
                "generated-by-metaflow": True,
                **self._payload,
                **(payload or {}),
            },
        )
        # By HTTP and not by Prefect's background thread: it is sent when this returns, and a
        # refusal is raised here.
        with prefect_client() as client:
            client.request("POST", "/events", json=[event.model_dump(mode="json")])
        return str(event_id)

    def safe_publish(self, payload: Mapping[str, Any] | None = None) -> str | None:
        """Publish only inside a deployed run; elsewhere do nothing, so that trials start no flows."""
        return self.publish(payload) if is_deployed() else None


def is_deployed() -> bool:
    """Say whether this process belongs to a run of a deployment."""
    return variables.DEPLOYMENT in os.environ


def step_finished(program: Program, task_path: str, *, is_last: bool) -> None:
    """Emit an event for a task that succeeded, as Metaflow's Argo plugin does; only in deployed runs.

    *task_path* is `run/step/task`. The last step is announced as `end` too.
    """
    if not is_deployed():
        return
    from prefect.events import emit_event

    run_id, step, task_id = task_path.split("/")
    pathspec = f"{program.flow}/{task_path}"
    for name in dict.fromkeys((step, END) if is_last else (step,)):
        emit_event(
            event=f"metaflow.{program.project_flow or program.flow}.{name}",
            resource={
                "prefect.resource.id": f"metaflow.task.{pathspec.replace('/', '.')}",
                "prefect.resource.name": pathspec,
            },
            payload={
                "id": pathspec,
                "pathspec": pathspec,
                "flow_name": program.flow,
                "run_id": run_id,
                "step_name": step,
                "task_id": task_id,
                "timestamp": int(time.time()),
                "auto-generated-by-metaflow": True,
                **_project_fields(program.project_flow),
            },
        )


def _project_fields(project_flow: str | None) -> dict[str, object]:
    if project_flow is None:
        return {}
    project, _, rest = project_flow.partition(".")
    branch = rest.rpartition(".")[0]
    return {
        "project_name": project,
        "branch_name": branch,
        "project_flow_name": project_flow,
        "is_production": branch.split(".")[0] == "prod",
        "is_user_branch": branch.split(".")[0] == "user",
    }
