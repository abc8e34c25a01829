"""The run that a resumed run continues: which of its tasks succeeded, and with which parameters it ran.

Metaflow itself or this package may have run it: tasks are matched by their place in the graph
(step, foreach indices, turn of a recursive switch), never by their ids.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from metaflow_prefect.errors import InitFailed

_SHOWN = 5

_Place = tuple[str, tuple[int, ...], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeOrigin:
    """An earlier run whose tasks can be taken over.

    `tasks` maps the place of each successful task to its pathspec `run/step/task`;
    `parameters` are the values of the earlier run by parameter name; `rerun` names steps that are
    executed again although they succeeded. `has_new_values`: the new run has other values for some of them.
    """

    run_id: str
    tasks: Mapping[_Place, str]
    parameters: Mapping[str, object]
    rerun: frozenset[str] = frozenset()
    has_new_values: bool = False

    def task(self, step: str, indices: tuple[int, ...], iteration: int) -> str | None:
        """Return the pathspec of the task to take over at a place, or None."""
        return None if step in self.rerun else self.tasks.get((step, indices, iteration))


def read(
    flow_datastore: Any, run_id: str, variables: Mapping[str, str], rerun: frozenset[str]
) -> ResumeOrigin:
    """Read the run *run_id* from Metaflow's datastore.

    *variables* maps the flow's attributes to the names of the parameters they hold.

    Raises:
        InitFailed: there is no such run, or it ended before it stored its parameters.
    """
    from metaflow.datastore import TaskDataStoreSet

    names = ["_task_ok", "_foreach_stack", "_iteration_stack"]
    tasks: dict[_Place, str] = {}
    parameters: Mapping[str, object] | None = None
    for task in TaskDataStoreSet(
        flow_datastore, run_id, prefetch_data_artifacts=names, allow_not_done=True
    ):
        if not task.get("_task_ok", default=False):
            continue
        step = task.pathspec.split("/")[1]
        if step == "_parameters":
            parameters = {
                name: _plain(task[variable])
                for variable, name in variables.items()
                if variable in task
            }
            continue
        indices = tuple(int(frame.index or 0) for frame in task.get("_foreach_stack", default=()))
        turns = task.get("_iteration_stack", default=()) or (0,)
        tasks[step, indices, int(turns[-1])] = task.pathspec
    if parameters is None:
        raise InitFailed(
            f"There is no run {run_id!r} to resume in {flow_datastore.datastore_root}.",
            fix=_name_a_run(flow_datastore.flow_name),
        )
    return ResumeOrigin(run_id=run_id, tasks=tasks, parameters=parameters, rerun=rerun)


def _name_a_run(flow_name: str) -> str:
    """Return a fix that names the latest runs that Metaflow's client knows."""
    from metaflow import Flow
    from metaflow.exception import MetaflowException

    try:
        runs = islice(Flow(flow_name, _namespace_check=False).runs(), _SHOWN)
        latest = ", ".join(run.id for run in runs)
    except (MetaflowException, ValueError, OSError):
        latest = ""  # none has been recorded yet, or the metadata service does not answer
    if not latest:
        return f"name one with --origin-run-id; no run of {flow_name} is recorded here"
    return f"name one with --origin-run-id; the latest are: {latest}"


def _plain(value: Any) -> object:
    descriptor = getattr(value, "descriptor", None)
    return value if descriptor is None else json.dumps(descriptor)
