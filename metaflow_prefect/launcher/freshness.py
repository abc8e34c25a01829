"""Whether what the launcher has imported is still what a new process would import."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

Stamp = tuple[int, int] | None
"""When a file was changed last, in nanoseconds, and its size in bytes; None for one that is not there."""


def imported(environment: Mapping[str, str]) -> dict[str, Stamp]:
    """Return the stamps of all files on which depends what this process has imported.

    They are those of its modules, of the folders in which Python looks for modules (a package that is installed or
    removed changes its folder), and of the settings that Metaflow and Prefect read when they are imported.
    """
    return {path: stamp(path) for path in sorted(set(_files(environment)))}


def is_unchanged(stamps: Mapping[str, Stamp]) -> bool:
    """Say whether all files of *stamps* are as they were."""
    return all(stamp(path) == was for path, was in stamps.items())


def stamp(path: str) -> Stamp:
    """Return the stamp of the file or folder *path*."""
    try:
        found = os.stat(path)  # noqa: PTH116  two thousand at once, so that a Path for each would be felt
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _files(environment: Mapping[str, str]) -> Iterator[str]:
    for module in tuple(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            yield file
    yield from filter(None, sys.path)
    home = Path(environment.get("HOME") or Path.home())
    prefect = Path(environment.get("PREFECT_HOME") or home / ".prefect")
    yield str(prefect.expanduser() / "profiles.toml")
    metaflow = Path(environment.get("METAFLOW_HOME") or home / ".metaflowconfig")
    profile = environment.get("METAFLOW_PROFILE")
    yield str(metaflow.expanduser() / (f"config_{profile}.json" if profile else "config.json"))
