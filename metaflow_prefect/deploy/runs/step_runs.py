"""The containers of a run's steps, as the server has them: flow runs that execute some of its tasks each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from metaflow_prefect.deploy.runs.runs import RunRecord
from metaflow_prefect.deploy.server import deployment_record
from metaflow_prefect.deploy.server.pages import all_pages
from metaflow_prefect.runtime.progress.cost import Cost, total, total_in_words
from metaflow_prefect.runtime.progress.usage import Usage

_EXPLAINED = 20
"""Of how many containers that wait the reason is looked up."""

_SHOWN = 20
"""Of how many containers people are told the cost one by one."""

_RUNS_AT_ONCE = 50
"""Of how many runs the containers are asked for together."""


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


def of_runs(client: Any, found: Sequence[RunRecord]) -> Mapping[str, tuple[StepRun, ...]]:
    """Return the containers that each of these runs has asked for, by the run's id; `listed` for many."""
    from prefect.client.schemas import filters

    runs = {run.id: run for run in found}
    children: dict[str, list[StepRun]] = {id_: [] for id_ in runs}
    for start in range(0, len(found), _RUNS_AT_ONCE):
        some = [run.id for run in found[start : start + _RUNS_AT_ONCE]]
        parent = filters.FlowRunFilterParentFlowRunId(any_=some)
        wanted = filters.FlowRunFilter(parent_flow_run_id=parent)
        for page in all_pages(client.read_flow_runs, flow_run_filter=wanted):
            for item in page:
                # Its key begins with the run that has asked for it.
                run = runs.get((item.idempotency_key or "").partition("/")[0])
                if run is not None:
                    children[run.id].append(_parse(item, run))
    return {id_: tuple(sorted(of, key=lambda it: it.tasks)) for id_, of in children.items()}


def summary(run: RunRecord, found: Sequence[StepRun]) -> dict[str, Any]:
    """Return what commands show of the run and its containers, as JSON-able data."""
    costs = (run.cost, *(item.cost for item in found))
    containers = {"containers": [item.summary() for item in found]} if found else {}
    return {**run.summary(), "total_cost": total(costs), **containers}


def costs_in_words(run: RunRecord, found: Sequence[StepRun]) -> tuple[str, ...]:
    """Return lines that say what each container of the run's steps has cost, and all of them together."""
    lines = [f"{item.tasks}  {item.cost}" for item in found if item.cost is not None]
    more = len(lines) - _SHOWN
    rest = (f"and {more} more; --json lists all",) if more > 0 else ()
    together = total_in_words(run.cost, (item.cost for item in found))
    return (*lines[:_SHOWN], *rest, *([together] if together else []))


def _parse(flow_run: Any, run: RunRecord) -> StepRun:
    state = flow_run.state
    return StepRun(
        id=str(flow_run.id),
        tasks=flow_run.name.removeprefix(f"{run.name} "),
        state="unknown" if state is None else state.name,
        is_final=state is not None and state.is_final(),
        is_running=state is not None and state.is_running(),
        cost=Cost.of_step(flow_run),
        usage=Usage.of(flow_run.labels),
    )


def _with_reason(client: Any, item: StepRun) -> StepRun:
    """Return *item* with its worker's last line: why Northflank has not started the container yet."""
    from prefect.client.schemas import filters, sorting

    wanted = filters.LogFilter(flow_run_id=filters.LogFilterFlowRunId(any_=[item.id]))
    lines = client.read_logs(log_filter=wanted, sort=sorting.LogSort.TIMESTAMP_DESC, limit=1)
    reason = lines[0].message if lines else "no worker of its pool has picked it up yet"
    return replace(item, waits_for=reason)
