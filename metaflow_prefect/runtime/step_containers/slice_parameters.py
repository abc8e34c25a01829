"""The parameters of a flow run that executes a slice, as JSON; pure.

A flow run's parameters may have 512 kB: a wide join's inputs are compressed as Metaflow compresses them in a command.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from metaflow_prefect.runtime.flow.dispatcher import Frame, Launch, TaskPlace
from metaflow_prefect.runtime.step_containers.slices import Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceOrder:
    """What the flow run of a slice is told.

    `run_id` is Metaflow's, `parent` the flow run that asks, `deployment` that flow run's. `variables` are what the
    parent's steps have in their environment beyond what the deployment says, `tags` what its tasks are tagged with.
    """

    run_id: str
    parent: str
    deployment: str | None
    launches: tuple[Launch, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as the parameter `tasks`."""
        from metaflow.util import compress_list

        first = self.launches[0]
        return {
            "run_id": self.run_id,
            "parent": self.parent,
            "deployment": self.deployment,
            "step": first.place.step,
            "inputs": compress_list(first.inputs),
            "outer": [[frame.index, frame.size] for frame in first.place.frames[:-1]],
            "width": first.place.frames[-1].size if first.place.frames else None,
            # A flow run's parameters may have 512 kB, so that each task has to take little.
            "tasks": [_task(launch) for launch in self.launches],
            "variables": dict(self.variables),
            "tags": list(self.tags),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SliceOrder:
        """Read what `to_json` wrote."""
        from metaflow.util import decompress_list

        inputs = tuple(decompress_list(data["inputs"]))
        return cls(
            run_id=data["run_id"],
            parent=data["parent"],
            deployment=data["deployment"],
            launches=tuple(_launch(inputs, data, task) for task in data["tasks"]),
            variables=data["variables"],
            tags=tuple(data["tags"]),
        )


def order(slice_: Slice, **about: Any) -> SliceOrder:
    """Return what the flow run of *slice_* is told; *about* is what `SliceOrder` has beside the launches."""
    return SliceOrder(launches=slice_.launches, **about)


def _task(launch: Launch) -> list[Any]:
    frames = launch.place.frames
    index = frames[-1].index if frames else None
    return [index, launch.place.iteration, launch.split_index, int(launch.is_control)]


def _launch(inputs: tuple[str, ...], data: Mapping[str, Any], task: Sequence[Any]) -> Launch:
    index, iteration, split_index, is_control = task
    inner = () if index is None else (Frame(index, data["width"]),)
    frames = (*(Frame(*frame) for frame in data["outer"]), *inner)
    return Launch(
        TaskPlace(data["step"], frames, iteration),
        inputs,
        split_index=split_index,
        is_control=bool(is_control),
    )
