"""The containers of a run's steps, as the server has them: flow runs that execute some of its tasks each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from metaflow_prefect.deploy.runs.runs import RunRecord
from metaflow_prefect.deploy.server import deployment_record
from metaflow_prefect.deploy.server.pages import all_pages

_EXPLAINED = 20
"""Of how many containers that wait the reason is looked up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """The flow run of one container. `tasks` names what it executes: `train[0-99]`.

    `waits_for` is what its worker last said about it, empty once it runs.
    """

    id: str
    tasks: str
    state: str
    is_final: bool
    is_running: bool
    waits_for: str = ""

    def __str__(self) -> str:
        reason = f": {self.waits_for}" if self.waits_for else ""
        return f"{self.tasks}  {self.state}{reason}"

    def summary(self) -> dict[str, Any]:
        """Return what `status` shows, as JSON-able data."""
        return {
            "tasks": self.tasks,
            "flow_run": self.id,
            "state": self.state,
            "waits_for": self.waits_for,
        }


def has_some(client: Any, run: RunRecord) -> bool:
    """Say whether steps of the run may have containers of their own: its deployment knows."""
    deployment = deployment_record.of_run(client, run.flow_name, run.deployment_id)
    return deployment is not None and deployment.has_step_containers


def listed(client: Any, run: RunRecord) -> tuple[StepRun, ...]:
    """Return the containers that the run has asked for, in the order of their tasks' names."""
    from prefect.client.schemas import filters

    parent = filters.FlowRunFilterParentFlowRunId(any_=[run.id])
    wanted = filters.FlowRunFilter(parent_flow_run_id=parent)
    pages = all_pages(client.read_flow_runs, flow_run_filter=wanted)
    found = (_parse(item, run) for page in pages for item in page)
    return tuple(sorted(found, key=lambda item: item.tasks))


def waiting(client: Any, run: RunRecord) -> tuple[StepRun, ...]:
    """Return the containers that have not begun, and what each waits for."""
    found = [item for item in listed(client, run) if not item.is_final and not item.is_running]
    return tuple(_with_reason(client, item) for item in found[:_EXPLAINED]) + tuple(
        found[_EXPLAINED:]
    )


def _parse(flow_run: Any, run: RunRecord) -> StepRun:
    state = flow_run.state
    return StepRun(
        id=str(flow_run.id),
        tasks=flow_run.name.removeprefix(f"{run.name} "),
        state="unknown" if state is None else state.name,
        is_final=state is not None and state.is_final(),
        is_running=state is not None and state.is_running(),
    )


def _with_reason(client: Any, item: StepRun) -> StepRun:
    """Return *item* with its worker's last line: why Northflank has not started the container yet."""
    from prefect.client.schemas import filters, sorting

    wanted = filters.LogFilter(flow_run_id=filters.LogFilterFlowRunId(any_=[item.id]))
    lines = client.read_logs(log_filter=wanted, sort=sorting.LogSort.TIMESTAMP_DESC, limit=1)
    reason = lines[0].message if lines else "no worker of its pool has picked it up yet"
    return replace(item, waits_for=reason)
