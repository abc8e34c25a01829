"""ir.Flow → the text of the generated file. Pure, except that it reads the templates."""

from __future__ import annotations

from collections.abc import Mapping

from metaflow_prefect import ir
from metaflow_prefect.render.environment import environment
from metaflow_prefect.render.payload import payload
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


def render(flow: ir.Flow) -> str:
    """Return the generated file of *flow*; it imports the installed runtime."""
    return environment().get_template("flow.py.jinja").render(file=view(flow, None))


def render_standalone(flow: ir.Flow, code: Mapping[str, bytes]) -> str:
    """Return the generated file of *flow* with the runtime and *code* appended.

    *code* maps paths relative to the flow's folder to contents.
    """
    return (
        environment()
        .get_template("flow.py.jinja")
        .render(
            file=view(flow, payload(code, has_decorator=any(step.container for step in flow.steps)))
        )
    )
