"""Runs of deployments: their status in Metaflow's words, and what can be done to one of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from metaflow_prefect import names
from metaflow_prefect.deploy.server.deployment_record import DeploymentRecord
from metaflow_prefect.deploy.server.pages import all_pages
from metaflow_prefect.errors import RunRefused
from metaflow_prefect.runtime.local.typed_command import typed
from metaflow_prefect.runtime.progress.run_result import RunStatus, status

LOOK_SECONDS = 2.0
"""How long who waits for a run in a terminal pauses between two looks at it, each a request or two to the server.

Its log and its progress have to be asked for anyway; Prefect's events, by which `prefect.flow_runs.wait_for_flow_run`
waits, also need a WebSocket, which not every proxy lets through.
"""

_SHOWN = 5
_PREFIX = names.run_id("")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run of a deployment: a Prefect flow run.

    `state` is Prefect's name of what it is doing; `due` is when it is to begin. `is_planned`: Prefect
    has entered it ahead of the moment in which a schedule will start it.
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

    @property
    def run_id(self) -> str:
        """Metaflow's id of the run."""
        return names.run_id(self.id)

    @property
    def pathspec(self) -> str:
        """Metaflow's name of the run."""
        return f"{self.flow_name}/{self.run_id}"

    def in_words(self) -> str:
        """Return a line for people, its time that of this machine's clock."""
        head = f"{self.name}: {self.status.value} ({self.state}"
        if self.start is not None:
            return f"{head}, began {_clock(self.start)}) {self.message}".rstrip()
        # Of a run that waits for its time Prefect's message says no more than that.
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
            fix=_those_there_are(client, flow_name),
        )
    try:
        flow_run = client.read_flow_run(flow_run_id)
    except ObjectNotFound:
        raise RunRefused(
            f"There is no run {run_id} on this server.", fix=_those_there_are(client, flow_name)
        ) from None
    actual = client.read_flow(flow_run.flow_id).name
    if actual != flow_name:
        raise RunRefused(
            f"Run {run_id} is one of {actual}, not of {flow_name}; nothing was done.",
            fix=f"give the command to {actual}'s file",
        )
    return _parse(flow_run, flow_name)


def listed(
    client: Any, record: DeploymentRecord, states: frozenset[RunStatus] = frozenset()
) -> Iterator[RunRecord]:
    """Yield the runs of a deployment, the latest first; only those in one of *states*, if any is given.

    Without *states*, those are left out that a schedule has yet to start: there may be a hundred.
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
                yield run


def suspend(client: Any, run: RunRecord) -> None:
    """Let the run stop after the tasks that are running; it ends its container and keeps its results.

    Raises:
        RunRefused: it is not running.
    """
    from prefect.states import Suspended

    result = client.set_flow_run_state(run.id, Suspended(timeout_seconds=_FOREVER_SECONDS))
    if result.status.name != "ACCEPT":
        raise RunRefused(
            f"{run.run_id} can't be suspended: it is {run.state}.",
            fix=f"only a run that is running can be; `{typed('status', run.run_id)}` says what it does",
        )


def unsuspend(client: Any, run: RunRecord) -> None:
    """Let a suspended run go on: it is scheduled again, and what it has done is not done again.

    Raises:
        RunRefused: it is not suspended.
    """
    result = client.resume_flow_run(run.id)
    if result.status.name != "ACCEPT":
        raise RunRefused(
            f"{run.run_id} can't go on: it is {run.state}, not suspended.",
            fix=f"`{typed('suspend', run.run_id)}` suspends it; what failed is taken up by "
            f"`{typed('resume', '--deployed', '--origin-run-id', run.run_id)}`",
        )


def terminate(client: Any, run: RunRecord) -> None:
    """End the run; its worker ends its processes or containers.

    Raises:
        RunRefused: it is over.
    """
    from prefect.client.schemas.objects import State, StateType

    if run.status.is_over:
        raise RunRefused(
            f"{run.run_id} is over ({run.state}): there is nothing to end.",
            fix=f"see what it did: `{typed('logs', run.run_id)}`",
        )
    # Prefect makes it Cancelled at once where nothing runs yet.
    client.set_flow_run_state(run.id, State(type=StateType.CANCELLING, name="Cancelling"))


def belongs(run: RunRecord, record: DeploymentRecord) -> None:
    """Make sure that the run is the deployment's.

    Raises:
        RunRefused: it is another deployment's, or none's.
    """
    if run.deployment_id != record.id:
        raise RunRefused(
            f"{run.run_id} is no run of {record.full_name}; nothing was done.",
            fix="give the --name, --branch or --production of the deployment that it is a run of",
        )


_FOREVER_SECONDS = 100 * 365 * 86_400
"""Prefect fails a run that nobody resumes in time; Metaflow knows no such limit."""


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


def _those_there_are(client: Any, flow_name: str) -> str:
    """Name the latest runs of the flow, which are those that people look for."""
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
        return f"start one: no run of {flow_name} has begun on this server"
    runs = (_parse(flow_run, flow_name) for flow_run in found)
    listed = ", ".join(f"{run.run_id} ({run.status.value})" for run in runs)
    return f"name one of those that there are; the latest: {listed}"
