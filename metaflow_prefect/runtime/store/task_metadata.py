"""Metaflow's metadata provider as the runtime needs it: entries about a task, beside those of Metaflow itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

from metaflow_prefect.runtime.flow.dispatcher import TaskPlace


class TaskMetadata:
    """Writes entries of `Task.metadata_dict`; shared by the threads of one run."""

    def __init__(self, flow: str, run_id: str, kind: str) -> None:
        from metaflow.metaflow_environment import MetaflowEnvironment
        from metaflow.plugins import METADATA_PROVIDERS

        provider = next(provider for provider in METADATA_PROVIDERS if kind == provider.TYPE)
        # Of the flow a provider only reads the name.
        stand_in = SimpleNamespace(name=flow)
        self._provider = provider(MetaflowEnvironment(stand_in), stand_in, None, None)
        self._flow = flow
        self._run_id = run_id

    def complete(
        self,
        place: TaskPlace,
        attempt: int,
        artifacts: Mapping[str, tuple[str, str]],
        root: tuple[str, str],
    ) -> None:
        """Register the artifacts of a task that was killed after it had stored them and before it registered them.

        *artifacts* are hash and encoding by name, *root* the datastore's type and its root.
        """
        from metaflow.metadata_provider import DataArtifact

        task = (self._flow, self._run_id, place.step, place.task_id)
        found = self._provider.get_object("task", "artifact", None, attempt, *task) or ()
        if isinstance(found, dict):  # the local provider does not put a single one into a list
            found = [found]
        if artifacts.keys() <= {entry["name"] for entry in found}:
            return
        kind, folder = root
        self.note(place, attempt, {"attempt-done": str(attempt)})
        self._provider.register_data_artifacts(
            self._run_id,
            place.step,
            place.task_id,
            attempt,
            [
                DataArtifact(
                    name=name, ds_type=kind, ds_root=folder, url=None, sha=sha, type=encoding
                )
                for name, (sha, encoding) in artifacts.items()
            ],
        )

    def note(self, place: TaskPlace, attempt: int, facts: Mapping[str, str]) -> None:
        """Note *facts* about an attempt of the task at *place*, as Metaflow's decorators do."""
        from metaflow.metadata_provider import MetaDatum

        tags = [f"attempt_id:{attempt}"]
        entries = [
            MetaDatum(field=name, value=value, type=name, tags=tags)
            for name, value in facts.items()
        ]
        self._provider.register_metadata(self._run_id, place.step, place.task_id, entries)
