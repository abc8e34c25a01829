"""Refuse a decorator (@batch, @kubernetes …) before Metaflow initializes it.

Metaflow initializes the decorators of a flow before it loads an extension's command, and @batch ends
the program there with "requires --datastore=s3", although it would be refused in any case.
"""

from __future__ import annotations

import functools
from typing import Any


def install() -> None:
    """Do not initialize refused decorators under the command `prefect`; `analyze` reports them with all other findings."""
    from metaflow import decorators

    initialize = decorators._init_step_decorators  # noqa: SLF001  Metaflow has no hook for this

    @functools.wraps(initialize)
    def after_ours(flow: Any, graph: Any, *more: Any, **options: Any) -> Any:
        if _is_our_command():
            silence(graph)
        return initialize(flow, graph, *more, **options)

    decorators._init_step_decorators = after_ours  # noqa: SLF001  as above


def silence(graph: Any) -> None:
    """Replace the initialization of the refused decorators of the flow's steps by nothing."""
    from metaflow_prefect.analysis import support

    refused = {
        item.name for item in support.STEP_DECORATORS if item.verdict is support.Verdict.REFUSED
    }
    for node in graph:
        for decorator in node.decorators:
            if decorator.name in refused:
                decorator.step_init = _nothing


def _nothing(*_: Any, **__: Any) -> None:
    """Replace a decorator's own `step_init`."""


def _is_our_command() -> bool:
    from metaflow._vendor import click

    context = click.get_current_context(silent=True)
    return next(iter(getattr(context, "saved_args", ())), None) == "prefect"
