"""A container in Prefect's graph of the run, as the start of edges to the tasks that follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ContainerNode:
    """The flow run of a container, in place of the future that a task has which runs here."""

    task_run_id: UUID
    """Prefect's graph compares the start of an edge with the id of the flow run, not with that of its node."""

    @property
    def edge(self) -> Any:
        """What `wait_for` takes: a state that is completed and names the run. Without data Prefect would ask for a result."""
        from prefect.client.schemas.objects import State, StateDetails, StateType

        details = StateDetails(task_run_id=self.task_run_id)
        return State(type=StateType.COMPLETED, data=True, state_details=details)
