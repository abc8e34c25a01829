"""Set `current.trigger` in a task, as Metaflow's Argo plugin does: which events started the run.

Metaflow has a command-line option for runs only (`--trigger`), and looks them up for every task. So
a task of a triggered run begins with `python flow_command.py current_trigger FLOW_FILE WORD…`.
It imports nothing of this package: it is loaded by path, where the package may not be importable.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

VARIABLE = "METAFLOW_PREFECT_TRIGGERED_BY"
"""A JSON list of the dictionaries from which `metaflow.events.Trigger` is constructed."""


def variable(triggered_by: Iterable[Mapping[str, Any]]) -> str:
    """Return the value of `VARIABLE` for what an automation has sent.

    An event may have been published with any timestamp; Metaflow sorts by it, so only numbers are kept.
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
    return int(timestamp) if is_number else None  # type: ignore[call-overload]  # checked on the line before


def at_command_line() -> None:
    """Set `current.trigger` if this process's environment says what started the run."""
    text = os.environ.get(VARIABLE)
    if not text:
        return
    from metaflow import current
    from metaflow.events import Trigger

    current._update_env({"trigger": Trigger(json.loads(text))})  # noqa: SLF001  as Metaflow's own plugins do
