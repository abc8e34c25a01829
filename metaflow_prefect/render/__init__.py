"""ir.Flow → the text of the generated file. Pure, except that it reads the templates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Protocol

from metaflow_prefect import ir
from metaflow_prefect.render.environment import environment
from metaflow_prefect.render.payload import extension_files, payload
from metaflow_prefect.render.view import (
    TRIGGERED_BY,
    argument_names,
    entrypoint_name,
    steps_entrypoint_name,
    steps_flow_name,
    view,
)

__all__ = [
    "TRIGGERED_BY",
    "argument_names",
    "entrypoint_name",
    "render",
    "render_standalone",
    "steps_entrypoint_name",
    "steps_flow_name",
]


class Project(Protocol):
    """A uv project: its files by path relative to its lock's folder, and the project's own folder in there."""

    @property
    def files(self) -> Mapping[str, bytes]:
        """The contents by path."""
        ...

    @property
    def folder(self) -> str:
        """The path of the project's folder."""
        ...


def render(flow: ir.Flow) -> str:
    """Return the generated file of *flow*; it imports the installed runtime."""
    return environment().get_template("flow.py.jinja").render(file=view(flow))


def render_standalone(
    flow: ir.Flow, code: Mapping[str, bytes], project: Project | None = None
) -> str:
    """Return the generated file of *flow* with the runtime, *code* and the uv *project* appended.

    *code* maps paths relative to the flow's folder to contents.
    """
    carried = {f"code/{name}": content for name, content in code.items()}
    folder = None
    if project is not None:
        carried.update({f"project/{name}": content for name, content in project.files.items()})
        folder = PurePosixPath("project", project.folder).as_posix()
    if any(step.container for step in flow.steps):
        carried.update(extension_files())
    shown = view(flow, payload(carried), folder)
    return environment().get_template("flow.py.jinja").render(file=shown)
