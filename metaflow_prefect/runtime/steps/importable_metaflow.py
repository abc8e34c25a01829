"""Metaflow in interpreters that do not have it: links to the copy that is installed beside the run, and to @northflank."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from metaflow_prefect.runtime.packages.lock import Lock

_OURS = "metaflow-prefect-northflank"
"""The distribution whose extension has @northflank, and commands that no task needs."""

_EXTENSION = "metaflow_extensions.prefect_northflank.plugins.northflank_decorator"
"""The module where it is installed. Its distribution says less: of an editable one, only the name may be there."""

_UNPACKED = "extension"
"""Beside the unpacked code: the extension, where a step of the flow has @northflank."""

_LINKED = "extension"
"""In the folder of the links: a folder with the extension."""


def linked_in(folder: str, extension: Path | None) -> dict[str, str] | None:
    """Return the variables by which an interpreter finds Metaflow in *folder*, where this puts a link to it.

    Also one to *extension*, a folder with ours. None if Metaflow has other extensions, which only its own packages are
    sure to have all of. A link shares the compiled modules with the run's own interpreter: those of a copy would be
    compiled again in every run.
    """
    import metaflow
    from metaflow.extension_support import extension_info

    if extension_info()["installed"].keys() - {_OURS}:
        return None
    (Path(folder) / "metaflow").symlink_to(Path(metaflow.__file__).resolve().parent)
    path = [folder]
    if extension is not None:
        linked = Path(folder) / _LINKED
        linked.mkdir()
        name = _EXTENSION.partition(".")[0]
        (linked / name).symlink_to((extension / name).resolve())
        path.append(str(linked))
    return {"PYTHONPATH": os.pathsep.join(path), "PYTHONNOUSERSITE": "1"}


def without_second_extension(variables: Mapping[str, str], lock: Lock) -> dict[str, str]:
    """Return *variables* without the link to the extension if the packages of *lock* have it: Metaflow refuses two."""
    if not any(package.startswith(f"{_OURS}==") for package in lock.packages):
        return dict(variables)
    path = variables["PYTHONPATH"].split(os.pathsep)
    return {
        **variables,
        "PYTHONPATH": os.pathsep.join(it for it in path if Path(it).name != _LINKED),
    }


def installed_extension() -> Path | None:
    """Return the folder in which this process finds `metaflow_extensions` with ours."""
    try:
        spec = find_spec(_EXTENSION)
    except ModuleNotFoundError:
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin).parents[3]


def unpacked_extension(working_directory: str | None) -> Path | None:
    """Return the folder with the extension beside the code that was unpacked in *working_directory*, if it is there."""
    if working_directory is None:
        return None
    beside = Path(working_directory).parent / _UNPACKED
    return beside if beside.is_dir() else None
