"""Let a task know what started its run, as Metaflow's Argo plugin does: as `current.trigger`.

Metaflow has a command-line option for runs only (`--trigger`), and looks them up for every task. So
a task of a triggered run begins with `python flow_command.py current_trigger FLOW_FILE WORD…`.
It must stand alone: it is loaded by path, where this package may not be importable.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

VARIABLE = "METAFLOW_PREFECT_TRIGGERED_BY"
"""A JSON list of what `metaflow.events.Trigger` is made of."""


def variable(triggered_by: Iterable[Mapping[str, Any]]) -> str:
    """Return the value of `VARIABLE` for what an automation has sent.

    Whoever publishes an event may give it any timestamp; Metaflow sorts by it, so only numbers stay.
    """
    return json.dumps(
        [
            {
                "name": item.get("name"),
                "id": item.get("id"),
                "timestamp": _seconds(item.get("timestamp")),
                "type": item.get("type", "event"),
            }
            for item in triggered_by
        ]
    )


def _seconds(timestamp: object) -> int | None:
    is_number = isinstance(timestamp, (int, float)) and not isinstance(timestamp, bool)
    return int(timestamp) if is_number else None  # type: ignore[call-overload]  # told apart on the line before


def at_command_line() -> None:
    """Set `current.trigger` if this process's environment says what started the run."""
    text = os.environ.get(VARIABLE)
    if not text:
        return
    from metaflow import current
    from metaflow.events import Trigger

    current._update_env({"trigger": Trigger(json.loads(text))})  # noqa: SLF001  as Metaflow's own plugins do
