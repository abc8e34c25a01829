"""Runs of deployments: their status in Metaflow's words, and how to suspend, continue or end one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from metaflow_prefect import names
from metaflow_prefect.deploy.server import deployment_record
from metaflow_prefect.deploy.server.deployment_record import DeploymentRecord
from metaflow_prefect.deploy.server.pages import all_pages
from metaflow_prefect.errors import RunRefused
from metaflow_prefect.runtime.local.typed_command import typed
from metaflow_prefect.runtime.progress.cost import Cost, Rate, total
from metaflow_prefect.runtime.progress.run_result import RunStatus, status
from metaflow_prefect.runtime.progress.usage import Usage
from metaflow_prefect.runtime.run.container_report import in_words

POLL_SECONDS = 2.0
"""The time between two polls of a run that a terminal waits for; each costs a request or two.

The log and the progress have to be polled anyway; Prefect's events, by which `prefect.flow_runs.wait_for_flow_run`
waits, also need a WebSocket, which not every proxy lets through.
"""

_SHOWN = 5
_PREFIX = names.run_id("")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run of a deployment: a Prefect flow run.

    `state` is Prefect's name of its state; `due` is when it is to begin. `is_planned`: Prefect
    has created it ahead of time for a schedule. `seconds` is how long it ran, all executions together;
    `job_variables` are its own; `rate` is what its container costs, if that was asked for and is known; `asked` is
    what the flow's steps ask for with @resources. `usage` is what the container used.
    """

    id: str
    name: str
    flow_name: str
    deployment_id: str | None
    status: RunStatus
    state: str
    message: str
    due: datetime | None
    is_planned: bool
    start: datetime | None
    end: datetime | None
    url: str | None
    seconds: float = 0
    job_variables: Mapping[str, Any] = field(default_factory=dict)
    rate: Rate | None = None
    asked: str = ""
    usage: Usage | None = None

    @property
    def cost(self) -> Cost | None:
        """About what the run cost; None where its container's price is not known, or it has not begun."""
        if self.rate is None or self.start is None:
            return None
        return Cost(rate=self.rate, seconds=self.seconds)

    @property
    def container(self) -> str:
        """What the run cost and used, beside what it asked for, in words; empty where nothing is known."""
        return in_words(self.cost, self.usage, self.asked)

    def at(self, rate: Rate | None, asked: str = "") -> RunRecord:
        """Return the run with what its deployment knows of its containers: their price, unless the run chose another size."""
        own = None if rate is None else rate.of_run(self.job_variables)
        return replace(self, rate=own, asked=asked)

    @property
    def run_id(self) -> str:
        """Metaflow's id of the run."""
        return names.run_id(self.id)

    @property
    def pathspec(self) -> str:
        """Metaflow's name of the run."""
        return f"{self.flow_name}/{self.run_id}"

    def in_words(self) -> str:
        """Return a line for people, with times in this machine's time zone."""
        head = f"{self.name}: {self.status.value} ({self.state}"
        if self.start is not None:
            return f"{head}, began {_clock(self.start)}) {self.message}".rstrip()
        # Prefect's message about a run that is not due yet has no other information.
        if self.status is RunStatus.PENDING and self.due is not None:
            return f"{head}, due {_clock(self.due)})"
        return f"{head}) {self.message}".rstrip()

    def summary(self) -> dict[str, Any]:
        """Return what a list shows, as JSON-able data."""
        return {
            "run": self.pathspec,
            "name": self.name,
            "status": self.status.value,
            "state": self.state,
            "message": self.message,
            "due": None if self.due is None else self.due.isoformat(),
            "start": None if self.start is None else self.start.isoformat(),
            "end": None if self.end is None else self.end.isoformat(),
            "url": self.url,
            "cost": None if self.cost is None else self.cost.summary(),
            "total_cost": total((self.cost,)),
            "asked": self.asked or None,
            "used": None if self.usage is None else self.usage.summary(),
        }


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def read(client: Any, flow_name: str, run_id: str) -> RunRecord:
    """Return the run *run_id*: Metaflow's id of it, with or without the flow's name, or Prefect's.

    Raises:
        RunRefused: there is none, or it is another flow's.
    """
    from prefect.exceptions import ObjectNotFound

    flow_run_id = _flow_run_id(flow_name, run_id)
    if flow_run_id is None:
        raise RunRefused(
            f"{run_id!r} is not a Prefect run ID; those look like {_PREFIX}0192f0c8-….",
            fix=_hint_of_latest(client, flow_name),
        )
    try:
        flow_run = client.read_flow_run(flow_run_id)
    except ObjectNotFound:
        raise RunRefused(
            f"There is no run {run_id} on this server.", fix=_hint_of_latest(client, flow_name)
        ) from None
    actual = client.read_flow(flow_run.flow_id).name
    if actual != flow_name:
        raise RunRefused(
            f"Run {run_id} belongs to {actual}, not to {flow_name}; nothing was done.",
            fix=f"give the command to {actual}'s file",
        )
    return _parse(flow_run, flow_name)


def with_container(client: Any, run: RunRecord) -> RunRecord:
    """Return the run with what its deployment knows of its container."""
    deployment = deployment_record.of_run(client, run.flow_name, run.deployment_id)
    return run if deployment is None else run.at(deployment.rate, deployment.asked)


def listed(
    client: Any, record: DeploymentRecord, states: frozenset[RunStatus] = frozenset()
) -> Iterator[RunRecord]:
    """Yield the runs of a deployment, the latest first; only those in one of *states*, if any is given.

    Without *states*, runs that a schedule has yet to start are left out: there may be a hundred.
    """
    from prefect.client.schemas import filters, sorting

    of_deployment = filters.DeploymentFilter(id=filters.DeploymentFilterId(any_=[record.id]))
    for page in all_pages(
        client.read_flow_runs,
        deployment_filter=of_deployment,
        sort=sorting.FlowRunSort.EXPECTED_START_TIME_DESC,
    ):
        for flow_run in page:
            run = _parse(flow_run, record.flow_name)
            if run.status in states if states else not run.is_planned:
                yield run.at(record.rate, record.asked)


def suspend(client: Any, run: RunRecord) -> None:
    """Stop the run after its running tasks; its container ends and its results are kept.

    Raises:
        RunRefused: it is not running.
    """
    from prefect.states import Suspended

    result = client.set_flow_run_state(run.id, Suspended(timeout_seconds=_FOREVER_SECONDS))
    if result.status.name != "ACCEPT":
        raise RunRefused(
            f"{run.run_id} can't be suspended: it is {run.state}.",
            fix=f"only a running run can be suspended; `{typed('status', run.run_id)}` prints its status",
        )


def unsuspend(client: Any, run: RunRecord) -> None:
    """Continue a suspended run: it is scheduled again, and its finished tasks are not repeated.

    Raises:
        RunRefused: it is not suspended.
    """
    result = client.resume_flow_run(run.id)
    if result.status.name != "ACCEPT":
        raise RunRefused(
            f"{run.run_id} can't continue: it is {run.state}, not suspended.",
            fix=f"`{typed('suspend', run.run_id)}` suspends a run; to resume a failed one, use "
            f"`{typed('resume', '--deployed', '--origin-run-id', run.run_id)}`",
        )


def terminate(client: Any, run: RunRecord) -> None:
    """Cancel the run; its worker ends its processes or containers.

    Raises:
        RunRefused: it is over.
    """
    from prefect.client.schemas.objects import State, StateType

    if run.status.is_over:
        raise RunRefused(
            f"{run.run_id} is already over ({run.state}).",
            fix=f"to see what it did, use `{typed('logs', run.run_id)}`",
        )
    # If nothing runs yet, Prefect sets Cancelled at once.
    client.set_flow_run_state(run.id, State(type=StateType.CANCELLING, name="Cancelling"))


def belongs(run: RunRecord, record: DeploymentRecord) -> None:
    """Make sure that the run is the deployment's.

    Raises:
        RunRefused: it belongs to another deployment, or to none.
    """
    if run.deployment_id != record.id:
        raise RunRefused(
            f"{run.run_id} is not a run of {record.full_name}; nothing was done.",
            fix="give the --name, --branch or --production of the run's own deployment",
        )


_FOREVER_SECONDS = 100 * 365 * 86_400
"""Prefect fails a suspended run after a timeout; Metaflow has no such limit."""


def _parse(flow_run: Any, flow_name: str) -> RunRecord:
    from prefect.utilities.urls import url_for

    state = flow_run.state
    kind, name = (state.type.value, state.name) if state is not None else ("PENDING", "Pending")
    return RunRecord(
        id=str(flow_run.id),
        name=flow_run.name,
        flow_name=flow_name,
        deployment_id=None if flow_run.deployment_id is None else str(flow_run.deployment_id),
        status=status(kind, name),
        state=name,
        message=(state.message if state is not None else None) or "",
        due=flow_run.expected_start_time,
        is_planned=bool(flow_run.auto_scheduled) and kind == "SCHEDULED" and _is_to_come(flow_run),
        start=flow_run.start_time,
        end=flow_run.end_time,
        url=url_for("flow-run", obj_id=flow_run.id, default_base_url=None),
        seconds=flow_run.estimated_run_time.total_seconds(),
        job_variables=flow_run.job_variables or {},
        usage=Usage.of(flow_run.labels),
    )


def _is_to_come(flow_run: Any) -> bool:
    due = flow_run.next_scheduled_start_time
    return due is not None and due > datetime.now(timezone.utc)


def _flow_run_id(flow_name: str, run_id: str) -> uuid.UUID | None:
    bare = run_id.removeprefix(f"{flow_name}/").removeprefix(_PREFIX)
    try:
        return uuid.UUID(bare)
    except ValueError:
        return None


def _hint_of_latest(client: Any, flow_name: str) -> str:
    """Return a hint that names the latest runs of the flow."""
    from prefect.client.schemas import filters, sorting
    from prefect.client.schemas.objects import StateType

    begun = [kind for kind in StateType if kind is not StateType.SCHEDULED]
    found = client.read_flow_runs(
        flow_filter=filters.FlowFilter(name=filters.FlowFilterName(any_=[flow_name])),
        flow_run_filter=filters.FlowRunFilter(
            state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=begun))
        ),
        sort=sorting.FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=_SHOWN,
    )
    if not found:
        return f"start a run first: no run of {flow_name} has begun on this server"
    runs = (_parse(flow_run, flow_name) for flow_run in found)
    listed = ", ".join(f"{run.run_id} ({run.status.value})" for run in runs)
    return f"use one of the existing runs; the latest are {listed}"
