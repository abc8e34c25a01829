"""Metadata in files, which a container begins without: the run and the task that Metaflow has registered where the run is.

Cards and the client look for them. They are written with the oldest of times, so that on the way home nothing newer
gives way to them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

OBJECTS = "METAFLOW_NORTHFLANK_METADATA"
"""The variable with the objects: JSON, by their folder below Metaflow's."""

FILE = os.path.join("_meta", "_self.json")  # noqa: PTH118  pathlib is slow to import
_OLDEST = (0, 0)


def write(root: str, objects: Mapping[str, Any]) -> None:
    """Write *objects* below *root* as Metaflow itself would."""
    for folder, content in objects.items():
        path = os.path.join(root, folder, FILE)  # noqa: PTH118  as above
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120  as above
        with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123  as above
            json.dump(content, file)
        os.utime(path, _OLDEST)


def read(root: str, *path: str) -> dict[str, Any]:
    """Return what is registered below *root* of the flow, run, step and task that *path* names, by folder."""
    found: dict[str, Any] = {}
    for depth in range(1, len(path) + 1):
        folder = os.path.join(*path[:depth])  # noqa: PTH118  as above
        try:
            with open(os.path.join(root, folder, FILE), encoding="utf-8") as file:  # noqa: PTH118, PTH123  as above
                found[folder] = json.load(file)
        except FileNotFoundError:
            continue
    return found
