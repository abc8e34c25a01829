"""Let a task know what started its run, as Metaflow's Argo plugin does: as `current.trigger`.

Metaflow has a command-line option for runs only (`--trigger`), and looks them up for every task. So
a task of a triggered run begins here: `python current_trigger.py FLOW_FILE WORD…` is
`python FLOW_FILE WORD…`, with `current.trigger` set before Metaflow reads the words.
It must stand alone: it is started by path, where this package may not be importable.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

VARIABLE = "METAFLOW_PREFECT_TRIGGERED_BY"
"""A JSON list of what `metaflow.events.Trigger` is made of."""

_FLOW_MAIN = ("fork_server", "flow_main.py")


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


def apply() -> None:
    """Set `current.trigger` if this process's environment says what started the run."""
    text = os.environ.get(VARIABLE)
    if not text:
        return
    from metaflow import current
    from metaflow.events import Trigger

    current._update_env({"trigger": Trigger(json.loads(text))})  # noqa: SLF001  as Metaflow's own plugins do


def _run(flow_file: str, words: list[str]) -> None:
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), *_FLOW_MAIN)  # noqa: PTH100, PTH118, PTH120  no pathlib before the flow asks for it
    spec = importlib.util.spec_from_file_location("_metaflow_prefect_flow_main", path)
    assert spec is not None  # noqa: S101  a .py file always has a loader
    assert spec.loader is not None  # noqa: S101
    flow_main = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(flow_main)
    flow_main.run(flow_file, words, apply)


if __name__ == "__main__":
    _run(sys.argv[1], sys.argv[2:])
