"""The containers of a run's steps, as the server has them: flow runs that execute some of its tasks each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from metaflow_prefect.deploy.runs.runs import RunRecord
from metaflow_prefect.deploy.server import deployment_record
from metaflow_prefect.deploy.server.pages import all_pages
from metaflow_prefect.runtime.progress.cost import Cost, Rate, about
from metaflow_prefect.runtime.progress.usage import Usage

_EXPLAINED = 20
"""Of how many containers that wait the reason is looked up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """The flow run of one container. `tasks` names what it executes: `train[0-99]`.

    `waits_for` is what its worker last said about it, empty once it runs. `cost` is what it has cost so far, and `usage`
    what it used, as far as they are known.
    """

    id: str
    tasks: str
    state: str
    is_final: bool
    is_running: bool
    waits_for: str = ""
    cost: Cost | None = None
    usage: Usage | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it has not begun."""
        return not self.is_final and not self.is_running

    def __str__(self) -> str:
        reason = f": {self.waits_for}" if self.waits_for else ""
        return f"{self.tasks}  {self.state}{reason}"

    def summary(self) -> dict[str, Any]:
        """Return what `status` shows, as JSON-able data."""
        return {
            "tasks": self.tasks,
            "flow_run": self.id,
            "state": self.state,
            "waits_for": self.waits_for or None,
            "cost": None if self.cost is None else self.cost.summary(),
            "used": None if self.usage is None else self.usage.summary(),
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


def explained(client: Any, found: Iterable[StepRun]) -> tuple[StepRun, ...]:
    """Return the containers of *found*; those that have not begun with what each waits for."""
    asked = count()
    return tuple(
        _with_reason(client, item) if item.is_waiting and next(asked) < _EXPLAINED else item
        for item in found
    )


def cost_in_words(found: Iterable[StepRun]) -> str:
    """Return what the containers of steps have cost together; empty where nothing is known of any."""
    costs = [item.cost for item in found if item.cost is not None]
    if not costs:
        return ""
    containers = f"{len(costs)} container{'s' if len(costs) > 1 else ''} of steps"
    return f"{about(sum(cost.dollars for cost in costs))} for {containers}"


def _parse(flow_run: Any, run: RunRecord) -> StepRun:
    state = flow_run.state
    rate = Rate.of((flow_run.job_variables or {}).get("env") or {})
    seconds = flow_run.total_run_time.total_seconds()
    return StepRun(
        id=str(flow_run.id),
        tasks=flow_run.name.removeprefix(f"{run.name} "),
        state="unknown" if state is None else state.name,
        is_final=state is not None and state.is_final(),
        is_running=state is not None and state.is_running(),
        cost=Cost(rate=rate, seconds=seconds) if rate is not None and seconds else None,
        usage=Usage.of(flow_run.labels),
    )


def _with_reason(client: Any, item: StepRun) -> StepRun:
    """Return *item* with its worker's last line: why Northflank has not started the container yet."""
    from prefect.client.schemas import filters, sorting

    wanted = filters.LogFilter(flow_run_id=filters.LogFilterFlowRunId(any_=[item.id]))
    lines = client.read_logs(log_filter=wanted, sort=sorting.LogSort.TIMESTAMP_DESC, limit=1)
    reason = lines[0].message if lines else "no worker of its pool has picked it up yet"
    return replace(item, waits_for=reason)
