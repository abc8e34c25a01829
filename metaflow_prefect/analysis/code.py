"""The flow's code: the files that Metaflow would put into a code package."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from metaflow_prefect.analysis.files import included

GENERATED_MARK = b"# Compiled by metaflow-prefect-northflank "
"""The first bytes of every generated file."""


def code_files(state: Any) -> dict[str, bytes]:
    """Return the user's files by path relative to the flow's folder.

    The choice is Metaflow's: everything below the flow's folder that has one of `--package-suffixes`
    (`metaflow.package.MetaflowPackage`), hidden folders left out.
    """
    found = ((name, path.read_bytes()) for name, path in code_paths(state).items())
    # A generated file below the flow's folder is not the user's code, and may contain a copy of all of it.
    return {name: content for name, content in found if not content.startswith(GENERATED_MARK)}


def own_paths(state: Any) -> Iterator[Path]:
    """Yield every file of the flow: its code, the modules that it imported, the files that it was given."""
    yield from code_paths(state).values()
    for module in tuple(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file is not None:
            yield Path(file)
    yield from (Path(file.path).expanduser() for file in included(state.flow, {}))
    yield from _config_files(state.flow, sys.argv)


def _config_files(flow: Any, words: Sequence[str]) -> Iterator[Path]:
    """Yield the files of the flow's configurations: those it names, and those that the command line names."""
    for _, declared in flow._get_parameters():  # noqa: SLF001  as Metaflow's own deployers do
        default = declared.kwargs.get("default")
        if declared.IS_CONFIG_PARAMETER and isinstance(default, str):
            yield Path(default)
    for place, word in enumerate(words[:-2]):
        if word == "--config":
            yield Path(words[place + 2])


def code_paths(state: Any) -> dict[str, Path]:
    """Return where the files of the flow's folder are that have such a suffix, generated ones included, and the flow."""
    from metaflow.packaging_sys.utils import suffix_filter, walk

    # Not resolved: Metaflow packages the folder of the link where the flow is reached by one.
    flow_file = Path(os.path.abspath(state.entrypoint[-1]))  # noqa: PTH100  `absolute` leaves ".." in
    found = walk(f"{flow_file.parent}/", file_filter=suffix_filter(list(suffixes(state))))
    paths = {str(name): Path(path) for path, name in found}
    for path, name in _contributed(state):
        paths.setdefault(str(name), Path(path))
    # Also where the suffixes would leave it out: without it there is nothing to run.
    return {**paths, flow_file.name: flow_file}


def suffixes(state: Any) -> tuple[str, ...]:
    """Return the suffixes of the files that are code, for Metaflow and by `--package-suffixes`."""
    from metaflow.metaflow_config import DEFAULT_PACKAGE_SUFFIXES

    return tuple(sorted({*state.package_suffixes, *DEFAULT_PACKAGE_SUFFIXES.split(",")}))


def _contributed(state: Any) -> Iterator[tuple[str, str]]:
    """Yield the files that decorators and mutators add to the user's code: path, and name in the package."""
    from metaflow.decorators import flow_decorators
    from metaflow.packaging_sys import ContentType

    flow = state.flow
    contributors = [
        *flow_decorators(flow),
        *(decorator for step in flow for decorator in step.decorators),
        *flow._flow_mutators,  # noqa: SLF001  as `metaflow.package` does
        *(mutator for step in flow for mutator in step.config_decorators),
    ]
    for contributor in contributors:
        # Mutators of an earlier Metaflow add nothing.
        for path, name, *kind in getattr(contributor, "add_to_package", tuple)() or ():
            if kind == [ContentType.USER_CONTENT]:
                yield path, name
