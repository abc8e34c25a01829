"""The default files of IncludeFile parameters: found, and stored as Metaflow's own deployers store them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaflow_prefect.errors import Finding
from metaflow_prefect.names import option_key

_TYPE = "FilePath"
"""Metaflow's name of the type of IncludeFile (`metaflow.includefile.FilePathClass`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncludedFile:
    """The default file of a parameter; `store` puts it into the datastore and returns its address."""

    parameter: str
    path: str
    store: Callable[[], str]


def included(flow: Any, chosen: Mapping[str, str]) -> tuple[IncludedFile, ...]:
    """Return the file of each IncludeFile parameter that has one by default; *chosen* overrides paths by name."""
    return tuple(_included(flow, {option_key(name): path for name, path in chosen.items()}))


def missing(files: tuple[IncludedFile, ...]) -> tuple[Finding, ...]:
    """Return a finding for each of *files* that does not exist."""
    return tuple(
        Finding(
            where=f"parameter {file.parameter}",
            feature=f"IncludeFile, default {file.path!r}",
            reason="the file to store with the deployment does not exist",
            remedy="correct the path; it is relative to the current folder",
        )
        for file in files
        if not Path(file.path).expanduser().is_file()
    )


def _included(flow: Any, chosen: Mapping[str, str]) -> Iterator[IncludedFile]:
    from metaflow._vendor import click

    for _, declared in flow._get_parameters():  # noqa: SLF001  as Metaflow's own deployers do
        kind = click.types.convert_type(declared.kwargs.get("type"))
        default = declared.kwargs.get("default")
        path = chosen.get(option_key(declared.name))
        if kind.name != _TYPE or (default is None and path is None):
            continue
        path = path if path is not None else str(default(deploy_time=False))
        yield IncludedFile(parameter=declared.name, path=path, store=_storing(declared, kind, path))


def _storing(declared: Any, kind: Any, path: str) -> Callable[[], str]:
    def store() -> str:
        from metaflow.parameters import context_proto

        # What `IncludeFile` does with its default when Metaflow deploys; a run's `init` takes the
        # answer for the file.
        context = context_proto._replace(parameter_name=declared.name)
        return json.dumps(kind.convert(path, None, context)().descriptor)

    return store
