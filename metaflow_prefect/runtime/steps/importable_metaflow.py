"""Metaflow in interpreters that do not have it: a link to the copy that is installed beside the run."""

from __future__ import annotations

from pathlib import Path

_OURS = "metaflow-prefect-northflank"
"""The distribution whose extension has commands only, which no task needs."""


def linked_in(folder: str) -> dict[str, str] | None:
    """Return the variables by which an interpreter finds Metaflow in *folder*, where this puts a link to it.

    None if Metaflow has extensions, which only its own packages are sure to have all of. A link shares the compiled
    modules with the run's own interpreter: those of a copy would be compiled again in every run.
    """
    import metaflow
    from metaflow.extension_support import extension_info

    if extension_info()["installed"].keys() - {_OURS}:
        return None
    (Path(folder) / "metaflow").symlink_to(Path(metaflow.__file__).resolve().parent)
    return {"PYTHONPATH": folder, "PYTHONNOUSERSITE": "1"}
