"""The flow's code: the files that Metaflow itself would put into a code package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

GENERATED_MARK = b"# Compiled by metaflow-prefect-northflank "
"""How every generated file begins."""


def code_files(state: Any) -> dict[str, bytes]:
    """Return the user's files by path relative to the flow's folder.

    The choice is Metaflow's: everything below the flow's folder that has one of `--package-suffixes`
    (`metaflow.package.MetaflowPackage`), hidden folders left out.
    """
    from metaflow.metaflow_config import DEFAULT_PACKAGE_SUFFIXES
    from metaflow.packaging_sys.utils import suffix_filter, walk

    suffixes = {*state.package_suffixes, *DEFAULT_PACKAGE_SUFFIXES.split(",")}
    folder = Path(state.entrypoint[-1]).resolve().parent
    found = walk(f"{folder}/", file_filter=suffix_filter(sorted(suffixes)))
    contents = ((str(name), Path(path).read_bytes()) for path, name in found)
    # A generated file below the flow's folder is no code of the user's, and carries all of it again.
    files = {name: content for name, content in contents if not content.startswith(GENERATED_MARK)}
    flow_file = Path(state.entrypoint[-1]).resolve()
    # Also where the suffixes would leave it out: without it there is nothing to run.
    files[flow_file.name] = flow_file.read_bytes()
    return files
