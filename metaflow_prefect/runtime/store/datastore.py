"""Metaflow's datastore as the runtime needs it: what a task reported, its logs, and how its process ended.

The runtime reads results from the datastore instead of adding a decorator to the flow, so that a
step has exactly the decorators that it has under Metaflow's own `run`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaflow_prefect.names import PARAMETERS_TASK_ID
from metaflow_prefect.runtime.flow.dispatcher import TaskPlace, TaskReport
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.store.cards import Cards

_RUNTIME = "runtime"
"""The name in the datastore for how a task's process ended; the runtime that runs the flow writes it."""

_INTERNAL = frozenset({"name", "input"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One `self.*` artifact: its name, the type it was stored with, and its stored size in bytes."""

    name: str
    type: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """What a finished attempt left in the datastore."""

    report: TaskReport
    artifacts: tuple[Artifact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnregisteredTask:
    """A task that is done, whose end was not recorded because the flow's process was killed.

    `artifacts` maps each name to its content's hash and its encoding.
    """

    attempt: int
    artifacts: Mapping[str, tuple[str, str]]


class RunDatastore:
    """The part of Metaflow's datastore that belongs to one run.

    A new Metaflow object is made for each call: they are cheap, and not safe to share between threads.
    `local_folder` is the `.metaflow` that the steps see, where it is not the one that this process finds.
    """

    def __init__(
        self,
        flow: str,
        run_id: str,
        kind: str,
        root: str | None = None,
        local_folder: Path | None = None,
    ) -> None:
        # metaflow is imported here: a generated file must be importable in a moment.
        from metaflow.plugins import DATASTORES

        self.flow = flow
        self.run_id = run_id
        self._storage = next(storage for storage in DATASTORES if kind == storage.TYPE)
        self.cards = Cards(flow, run_id, self.of_flow, local_folder)
        self.root: str = root or self._storage.get_datastore_root_from_config(_silent)

    @classmethod
    def of(cls, program: Program, run_id: str, local_folder: Path | None = None) -> RunDatastore:
        """Return the part of *program*'s datastore that belongs to the run *run_id*."""
        return cls(program.flow, run_id, program.datastore, program.datastore_root, local_folder)

    def begun(self) -> bool:
        """Say whether `init` has completed for this run, in this process or in an earlier one."""
        return self._done_attempt("_parameters", PARAMETERS_TASK_ID) is not None

    def parameters_path(self) -> str:
        """Return the pathspec of the task that holds the parameters."""
        return f"{self.run_id}/_parameters/{PARAMETERS_TASK_ID}"

    def path(self, place: TaskPlace) -> str:
        """Return the pathspec of the task at *place*, without the flow's name, as Metaflow's inputs are written."""
        return f"{self.run_id}/{place.step}/{place.task_id}"

    def record(self, place: TaskPlace, attempt: int | None = None) -> TaskRecord | None:
        """Return what *attempt* (default: the last one) left, or None if it did not succeed.

        Of the last one the recorded end of its process counts, too: a process may be killed when its data is complete,
        and Metaflow's runtime then tries the task again.
        """
        task = self._done_attempt(place.step, place.task_id, attempt)
        if task is None or not task.get("_task_ok", default=False):
            return None
        if attempt is None and _has_failed_at_its_end(task):
            return None
        steps, _ = task.get("_transition", default=None) or ((), None)
        report = TaskReport(
            path=self.path(place),
            next=tuple(steps),
            num_splits=task.get("_foreach_num_splits", default=None),
            gang=tuple(task.get("_control_mapper_tasks", default=None) or ()),
        )
        return TaskRecord(report=report, artifacts=_artifacts(task))

    def attempts(self, place: TaskPlace) -> int:
        """Return how many attempts of the task were finished, successfully or not, or were lost with a container."""
        ended = 0
        while self._done_attempt(place.step, place.task_id, ended) is not None or self._has(
            place, ended, _RUNTIME
        ):
            ended += 1
        return ended

    def has_begun(self, place: TaskPlace, attempt: int) -> bool:
        """Say whether *attempt* of the task has begun, whatever became of it."""
        return self._has(place, attempt, "attempt.json")

    def _has(self, place: TaskPlace, attempt: int, name: str) -> bool:
        # Metaflow's reader raises for an attempt that is not done; its writer can be asked.
        found: bool = self._write(place, attempt).has_metadata(name)
        return found

    def unregistered(self, place: TaskPlace) -> UnregisteredTask | None:
        """Return the task at *place* if it is done, but the end of its process was not recorded.

        Metaflow marks a task as done before it registers its artifacts: a kill may come between.
        """
        task = self._done_attempt(place.step, place.task_id)
        if task is None or task.has_metadata(_RUNTIME):
            return None
        about = task.ds_metadata
        artifacts = {
            name: (sha, str(about["info"][name]["encoding"]))
            for name, sha in about["objects"].items()
        }
        return UnregisteredTask(attempt=int(task.attempt), artifacts=artifacts)

    def save_logs(self, place: TaskPlace, attempt: int, logs: Mapping[str, bytes]) -> None:
        """Keep the output of an attempt where `Task.stdout` and `Task.stderr` look for it."""
        from metaflow.mflog import RUNTIME_LOG_SOURCE

        self._write(place, attempt).save_logs(RUNTIME_LOG_SOURCE, dict(logs))

    def save_exit(
        self, place: TaskPlace, attempt: int, return_code: int, *, is_killed: bool = False
    ) -> None:
        """Keep how the process of an attempt ended, in the words of Metaflow's own runtime.

        *is_killed*: the run ended it, whatever it had done by then.
        """
        ended = {"return_code": return_code, "killed": is_killed, "success": return_code == 0}
        self._write(place, attempt).save_metadata({_RUNTIME: ended})

    def write(self, name: str, content: bytes) -> None:
        """Store a file of this package beside the runs of the flow; replace an earlier one."""
        storage, path = self._file(name)
        storage.save_bytes(iter([(path, io.BytesIO(content))]), overwrite=True, len_hint=1)

    def read(self, name: str) -> bytes | None:
        """Return what `write` has stored, or None."""
        storage, path = self._file(name)
        with storage.load_bytes([path]) as loaded:
            for _, file, _ in loaded:
                if file is not None:
                    return Path(file).read_bytes()
        return None

    def names_in(self, folder: str) -> tuple[str, ...]:
        """Return the names of the files that `write` has stored in *folder*, sorted."""
        storage, path = self._file(folder)
        listed = storage.list_content([path])
        return tuple(
            sorted(f"{folder}/{storage.basename(found)}" for found, is_file in listed if is_file)
        )

    def _file(self, name: str) -> tuple[Any, str]:
        storage = self._storage(self.root)
        return storage, storage.path_join(self.flow, *name.split("/"))

    def of_flow(self) -> Any:
        """Return Metaflow's own object for the datastore of the flow."""
        from metaflow.datastore import FlowDataStore

        return FlowDataStore(self.flow, storage_impl=self._storage, ds_root=self.root)

    def _write(self, place: TaskPlace, attempt: int) -> Any:
        return self.of_flow().get_task_datastore(
            self.run_id, place.step, place.task_id, attempt=attempt, mode="w"
        )

    def _done_attempt(self, step: str, task_id: str, attempt: int | None = None) -> Any:
        from metaflow.datastore.exceptions import DataException

        try:
            task = self.of_flow().get_task_datastore(self.run_id, step, task_id, attempt=attempt)
        except DataException:
            return None
        # For an attempt that was never begun Metaflow returns an empty task instead of an error.
        return task if task.has_metadata(task.METADATA_DONE_SUFFIX) else None


def _has_failed_at_its_end(task: Any) -> bool:
    if not task.has_metadata(_RUNTIME):
        return False
    ended = task.load_metadata([_RUNTIME])[_RUNTIME]
    return not ended["success"] and not ended["killed"]


def _artifacts(task: Any) -> tuple[Artifact, ...]:
    info: Mapping[str, Mapping[str, Any]] = task.ds_metadata["info"]
    return tuple(
        Artifact(name=name, type=_type(about), size=int(about.get("size", 0)))
        for name, about in sorted(info.items())
        if not name.startswith("_") and name not in _INTERNAL
    )


def _type(about: Mapping[str, Any]) -> str:
    written = str(about.get("type", "object"))
    return written.removeprefix("<class '").removesuffix("'>")


def _silent(*_: object, **__: object) -> None:
    """Replace Metaflow's echo, which would print the root that it finds."""
