"""The worker's `--limit`, which does not count the containers of a flow's steps: the flow run that waits for them is."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import anyio
from prefect.client.schemas.objects import FlowRun

STEPS_TAG = "metaflow-steps"
"""The tag of flow runs that execute steps with @northflank (`metaflow_prefect.runtime.step_containers.child_runs`)."""


class RunLimit:
    """Takes the place of the limiter in Prefect's base worker.

    A flow run that waits for the containers of its steps holds a slot all the time. If these needed slots, too, a
    worker whose slots are all held by such flow runs would start nothing any more. How many containers a step has at
    the same time is limited by @northflank. For all other sub-flow runs the limit means what Prefect says.
    """

    def __init__(self, limiter: anyio.CapacityLimiter) -> None:
        self._limiter = limiter
        self._exempt: set[UUID] = set()

    @property
    def available_tokens(self) -> float:
        """How many slots are free."""
        return self._limiter.available_tokens

    @property
    def borrowed_tokens(self) -> int:
        """How many slots are taken, and how many flow runs go on without one."""
        return self._limiter.borrowed_tokens + len(self._exempt)

    def acquire_on_behalf_of_nowait(self, flow_run_id: UUID) -> None:
        """Take a slot, unless the flow run needs none.

        Raises:
            anyio.WouldBlock: all are taken.
        """
        if flow_run_id not in self._exempt:
            self._limiter.acquire_on_behalf_of_nowait(flow_run_id)

    def release_on_behalf_of(self, flow_run_id: UUID) -> None:
        """Give back the slot of a flow run.

        Raises:
            RuntimeError: it has none.
        """
        if flow_run_id in self._exempt:
            self._exempt.remove(flow_run_id)
            return
        self._limiter.release_on_behalf_of(flow_run_id)

    def exempt(self, flow_runs: Iterable[FlowRun]) -> None:
        """Note which of *flow_runs* need no slot."""
        self._exempt.update(run.id for run in flow_runs if executes_a_step(run))


def executes_a_step(flow_run: FlowRun) -> bool:
    """Say whether the flow run is the container of a step that another flow run waits for."""
    return flow_run.parent_task_run_id is not None and STEPS_TAG in flow_run.tags
