"""One task of a run, from its launch to its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metaflow_prefect.errors import StepFailed
from metaflow_prefect.runtime.flow.dispatcher import Launch
from metaflow_prefect.runtime.store.datastore import TaskRecord


@dataclass(slots=True)
class TaskState:
    """What this execution of a run knows about one task.

    The scheduler owns it. The task's own thread writes the result of each attempt into it, and the
    scheduler reads that when the task run has ended.

    `are_inputs_cloned`: each input was taken over from the run that this one resumes. `future` is Prefect's.
    `spent` counts the attempts that earlier executions, or containers of its own, used up; `is_spent_known`: they were
    counted. `number` is Metaflow's number of the attempt, None if none was begun here. `record` is what a successful
    attempt left, `error` why the last one failed.
    `is_final`: the task must not be tried again. `is_cloned`: it was taken over itself.
    """

    launch: Launch
    are_inputs_cloned: bool = False
    future: Any = None
    spent: int = 0
    is_spent_known: bool = False
    number: int | None = None
    record: TaskRecord | None = None
    error: StepFailed | None = None
    is_final: bool = False
    is_cloned: bool = False

    @property
    def label(self) -> str:
        """The task's name in Prefect."""
        return self.launch.place.label

    @property
    def is_reused(self) -> bool:
        """Whether another run, or an earlier execution of this one, had done the task."""
        return self.is_cloned or self.number is None
