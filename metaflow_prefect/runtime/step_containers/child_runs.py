"""The flow runs that execute slices, on Prefect's server: created once each, watched together, cancelled."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from metaflow_prefect.errors import SettingRefused
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.step_containers.slices import Slice

TAG = "metaflow-steps"
"""The tag of the deployments whose flow runs execute slices, and of these flow runs."""

_AT_ONCE = 8
"""How many requests to cancel a child are under way at the same time."""

_MOST_READ = 200
"""As many flow runs as Prefect's server returns at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the containers of a step come from: a deployment, by its full name, and its job variables for the step."""

    deployment: str
    job_variables: Mapping[str, Any] = field(default_factory=dict)


def sources(environment: Mapping[str, str]) -> Mapping[str, Source]:
    """Return what the deployment says of the steps with @northflank; empty in runs without a deployment.

    Raises:
        SettingRefused: the variable is not what a deployment sets.
    """
    text = environment.get(variables.STEP_CONTAINERS)
    try:
        return {name: Source(**about) for name, about in json.loads(text or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        raise SettingRefused(
            f"{variables.STEP_CONTAINERS} is not what a deployment sets.",
            fix="leave it to `deploy`: deploy the flow again",
        ) from None


@dataclass(frozen=True, slots=True)
class Child:
    """The flow run of a slice. `state` is Prefect's, None for one that has none yet."""

    id: UUID
    state: Any = None


class ChildRuns:
    """Creates and reads the children of one flow run; used by one thread at a time.

    All requests go through one client, which takes longer to make than a request; `close` it at the end.
    """

    def __init__(self, flow_run: Any, wanted: Mapping[str, Source]) -> None:
        self._flow_run = flow_run
        self._sources = wanted
        self._deployments: dict[str, Any] = {}
        self._opened = ExitStack()

    @cached_property
    def _client(self) -> Any:
        from prefect.client.orchestration import get_client

        return self._opened.enter_context(get_client(sync_client=True))

    def close(self) -> None:
        """End the connections to the server."""
        self._opened.close()

    @property
    def steps(self) -> frozenset[str]:
        """The steps for which the deployment says where their containers come from."""
        return frozenset(self._sources)

    def create(
        self, slice_: Slice, parameters: Mapping[str, Any], parents: Iterable[UUID]
    ) -> Child:
        """Ask for the container of *slice_*, and return its flow run: the same one, however often it is asked for.

        *parents* are the runs from which Prefect's graph draws edges to it.
        """
        from prefect import Task
        from prefect.client.schemas.objects import TaskRunResult
        from prefect.states import Pending, Scheduled

        source = self._sources[slice_.step]
        key = f"{self._flow_run.id}/{slice_.key}"
        node: Any = Task(name=slice_.step, fn=_nothing)
        # The same in each execution of the flow run: the server knows the node by it.
        node.task_key = f"metaflow-steps.{slice_.step}"
        deployment = self._deployment(source.deployment)
        task_run = self._client.create_task_run(
            task=node,
            flow_run_id=self._flow_run.id,
            dynamic_key=slice_.key,
            name=slice_.name,
            state=Pending(),
            task_inputs={"wait_for": [TaskRunResult(id=parent) for parent in parents]},
        )
        child = self._client.create_flow_run_from_deployment(
            deployment.id,
            parameters={"tasks": dict(parameters)},
            state=Scheduled(),
            name=f"{self._flow_run.name} {slice_.name}",
            tags=[TAG],
            idempotency_key=key,
            parent_task_run_id=task_run.id,
            job_variables=dict(source.job_variables),
        )
        return Child(child.id, child.state)

    def states(self, ids: Iterable[UUID]) -> Mapping[UUID, Any]:
        """Return the states of these children; one that was deleted is left out."""
        from prefect.client.schemas import filters

        wanted = list(ids)
        found: dict[UUID, Any] = {}
        for start in range(0, len(wanted), _MOST_READ):
            some = wanted[start : start + _MOST_READ]
            runs = self._client.read_flow_runs(
                flow_run_filter=filters.FlowRunFilter(id=filters.FlowRunFilterId(any_=some)),
                limit=_MOST_READ,
            )
            found.update({run.id: run.state for run in runs})
        return found

    def finished_tasks(self, ids: Iterable[UUID]) -> int:
        """Return how many tasks these children together have finished so far, as far as the server knows."""
        from prefect.client.schemas import filters
        from prefect.client.schemas.objects import StateType

        completed = filters.TaskRunFilterStateType(any_=[StateType.COMPLETED])
        state = filters.TaskRunFilterState(type=completed)
        body = {
            "flow_runs": {"id": {"any_": [str(child) for child in ids]}},
            "task_runs": filters.TaskRunFilter(state=state).model_dump(
                mode="json", exclude_unset=True
            ),
        }
        return int(self._client.request("POST", "/task_runs/count", json=body).json())

    def cancel(self, ids: Iterable[UUID]) -> None:
        """Have the workers end these children."""
        from prefect.states import Cancelling

        client = self._client
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            asked: list[Future[Any]] = [
                pool.submit(client.set_flow_run_state, child, Cancelling()) for child in ids
            ]
        for answer in asked:
            # Its own look at this flow run ends a child for which the server did not answer.
            with suppress(Exception):
                answer.result()

    def _deployment(self, full_name: str) -> Any:
        if full_name not in self._deployments:
            self._deployments[full_name] = self._client.read_deployment_by_name(full_name)
        return self._deployments[full_name]


def _nothing() -> None:
    """Stand for the function of a task that the parent itself never executes."""
