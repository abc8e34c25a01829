"""The Metaflow flow that a generated file was compiled from, and the check that both still fit this runtime."""

from __future__ import annotations

import hashlib
import inspect
import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaflow_prefect.errors import StaleGeneratedFile
from metaflow_prefect.runtime.packages.lock import LockedPackages
from metaflow_prefect.version import VERSION

RUNTIME_API = 1
"""Raised when a generated file of an older compiler would no longer run correctly."""

METAFLOW_ENVIRONMENTS = ("conda", "pypi")
"""The values of `--environment` under which Metaflow gives each step its own interpreter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The Metaflow program behind a generated file.

    `project_flow` is the flow's name under @project: `project.branch.Flow`.
    `source` is the flow's file, relative to the generated file; `sha256` is of its bytes.
    `options` are Metaflow's top-level options, given to every command of the run.
    `datastore_root` is given only where the user chose one. `tags` go on the Metaflow run.
    `packages` are the locks of the steps' packages; None where no step has @pypi, or where Metaflow's own
    machinery makes the interpreters of such steps.
    `config` is the resolved configuration, in the form of Metaflow's `--local-config-file`.
    `on_success` and `on_error` name the functions of @exit_hook.
    `location` is the generated file itself. `working_directory` is where the steps work: the folder of
    the unpacked code, for a standalone file; None for the caller's, as under `run`. `project` is the folder of the
    unpacked uv project, whose environment the steps work in.
    """

    flow: str
    source: str
    sha256: str
    metadata: str
    datastore: str
    project_flow: str | None = None
    environment: str = "local"
    packages: LockedPackages | None = None
    datastore_root: str | None = None
    options: tuple[str, ...] = ()
    config: str | None = None
    tags: tuple[str, ...] = ()
    on_success: tuple[str, ...] = ()
    on_error: tuple[str, ...] = ()
    location: str
    working_directory: str | None = None
    project: str | None = None

    @property
    def is_standalone(self) -> bool:
        """Whether the generated file carries the flow's code."""
        return self.working_directory is not None

    @property
    def interpreters_of(self) -> str | None:
        """The value of `--environment` under which Metaflow's own machinery makes an interpreter for each step, if it does."""
        is_metaflows = self.environment in METAFLOW_ENVIRONMENTS
        return self.environment if is_metaflows and self.packages is None else None

    @property
    def flow_file(self) -> Path:
        """The flow's file on this machine.

        Raises:
            StaleGeneratedFile: it is missing, or not the one that was compiled.
        """
        path = self._source_beside(Path(os.path.abspath(self.location)))  # noqa: PTH100  `absolute` leaves ".." in
        if not path.is_file():
            path = self._source_beside(Path(self.location).resolve())
        if not path.is_file():
            raise StaleGeneratedFile(
                f"{Path(self.location).name} was compiled from {self.source}, which is not at {path}.",
                fix="keep the two files together, or compile with `create --standalone`",
            )
        if hashlib.sha256(path.read_bytes()).hexdigest() != self.sha256:
            raise StaleGeneratedFile(
                f"{path.name} has changed since {Path(self.location).name} was compiled from it.",
                fix=f"compile it again: {_create(path.name, Path(self.location).name)}",
            )
        return path

    def _source_beside(self, location: Path) -> Path:
        """Return where `source` is, seen from *location*; a link stays one, as for a flow that Python executes."""
        return Path(os.path.normpath(location.parent / self.source))

    @property
    def script(self) -> str:
        """`flow_file` as a user would type it in the steps' working directory: Metaflow records it as the script's name."""
        path = self.flow_file
        try:
            return str(path.relative_to(self.working_directory or Path.cwd()))
        except ValueError:
            return str(path)


def _create(source: str, generated: str) -> str:
    return shlex.join(("python", source, "prefect", "create", generated))


_HEADER = re.compile(
    r"# Compiled by metaflow-prefect-northflank (?P<version>\S+) from (?P<source>.+) \(sha256 "
)
"""The first line of a generated file."""


def check_api(number: int) -> None:
    """Refuse to run a generated file that was made for another runtime; called at the file's beginning.

    A file that is executed as a program ends with the message alone: nothing in it can catch the error.

    Raises:
        StaleGeneratedFile: *number* is not this runtime's.
    """
    if number == RUNTIME_API:
        return
    frame = inspect.currentframe()
    caller = frame.f_back.f_globals if frame is not None and frame.f_back is not None else {}
    error = _other_api(number, caller)
    if caller.get("__name__") == "__main__":
        sys.stderr.write(f"{error.headline}: {error}\n")
        sys.exit(1)
    raise error


def _other_api(number: int, module: Mapping[str, Any]) -> StaleGeneratedFile:
    """Return the refusal of the generated file whose globals are *module*, with the command that compiles it again."""
    location = Path(module.get("__file__") or "FILE")
    found = _HEADER.match(location.read_text(encoding="utf-8")) if location.is_file() else None
    version = f" by version {found['version']}" if found else ""
    return StaleGeneratedFile(
        f"{location.name} was compiled{version} for runtime API {number}; "
        f"metaflow-prefect-northflank {VERSION}, which is installed, has runtime API {RUNTIME_API}.",
        fix=f"compile it again: {_create(found['source'] if found else 'FLOW.py', location.name)}",
    )
