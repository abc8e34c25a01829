"""Interpreters of single steps (@conda, @pypi): what makes them, whether this machine can, and what is made before a run."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.analysis import packages
from metaflow_prefect.errors import Finding
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.packages import uv
from metaflow_prefect.runtime.packages.lock import Target

MADE_BY_METAFLOW = frozenset({"conda", "pypi"})
"""The values of `--environment` under which a step can have its own interpreter."""


class Installer(str, Enum):
    """What makes the interpreters: this package with uv, or Metaflow's own machinery with micromamba."""

    UV = "uv"
    MICROMAMBA = "micromamba"


def installer(environment: str, *, named: str, has_uv: bool, has_micromamba: bool) -> Installer:
    """Return what makes the interpreters under `--environment=`*environment*; *named* is the user's choice for pypi.

    >>> installer("pypi", named="", has_uv=True, has_micromamba=True).value
    'uv'
    >>> installer("pypi", named="", has_uv=False, has_micromamba=True).value
    'micromamba'
    >>> installer("conda", named="uv", has_uv=True, has_micromamba=False).value
    'micromamba'
    """
    if environment != "pypi":
        return Installer.MICROMAMBA
    if named in {item.value for item in Installer}:
        return Installer(named)
    return Installer.MICROMAMBA if has_micromamba and not has_uv else Installer.UV


def chosen(state: Any) -> Installer | None:
    """Return what makes the interpreters of the flow's steps; None where they have none of their own."""
    environment = state.environment
    if environment.TYPE not in MADE_BY_METAFLOW:
        return None
    return installer(
        environment.TYPE,
        named=os.environ.get(variables.PYPI_INSTALLER, ""),
        has_uv=uv.Uv.found(os.environ) is not None,
        # Asking for `bin` would download it.
        has_micromamba=environment.solvers["conda"]._bin is not None,  # noqa: SLF001  as above
    )


def findings(state: Any) -> tuple[Finding, ...]:
    """Return each step whose interpreter cannot be made, because of what it asks for or what is missing here."""
    match chosen(state):
        case None:
            return ()
        case Installer.MICROMAMBA:
            return (*_bad_choice(), *_without_micromamba(state))
        case Installer.UV:
            found = (*_bad_choice(), *packages.findings(state.graph, state.environment))
            return (*found, *_without_uv(state))


def made(
    state: Any,
    flow: ir.Flow,
    target: Target,
    *,
    elsewhere: Mapping[str, Target] | None = None,
    may_be_kept: bool = False,
) -> ir.Flow:
    """Return *flow* with the locks of its packages for *target*, or have Metaflow make its interpreters.

    Both take long where it is the first time. *elsewhere* has the targets of the steps that run in other places;
    *may_be_kept* says whether a lock of the last day will do.

    Raises:
        PackagesRefused: packages cannot be had; names all of them with their steps.
        MetaflowException: Metaflow cannot resolve an environment; names the package.
    """
    match chosen(state):
        case Installer.MICROMAMBA:
            # Its progress is not what the command prints, which may be JSON.
            with contextlib.redirect_stdout(sys.stderr):
                state.environment.init_environment(state.echo)
            return flow
        case Installer.UV:
            from metaflow_prefect.analysis import locks

            return locks.locked(
                flow, target, os.environ, elsewhere=elsewhere or {}, may_be_kept=may_be_kept
            )
        case None:
            return flow


def manifest(state: Any) -> dict[str, bytes]:
    """Return the file in which Metaflow keeps what it has resolved for the flow's steps, as its code packages have it.

    With it, Metaflow takes the same files of the same packages wherever it makes the interpreters. Nothing where
    Metaflow makes none, or has not resolved them yet.
    """
    if chosen(state) is not Installer.MICROMAMBA:
        return {}
    environment = state.environment
    ids = {environment.get_environment(step).get("id_") for step in state.flow}
    file = Path(environment.get_environment_manifest_path())
    known = json.loads(file.read_text("utf-8") or "{}") if file.is_file() else {}
    own = {id_: known[id_] for id_ in sorted(ids & known.keys())}
    return {file.name: json.dumps(own, sort_keys=True).encode()} if own else {}


def _bad_choice() -> tuple[Finding, ...]:
    named = os.environ.get(variables.PYPI_INSTALLER, "")
    values = [item.value for item in Installer]
    if not named or named in values:
        return ()
    return (
        Finding(
            where="flow",
            feature=f"{variables.PYPI_INSTALLER}={named}",
            reason="there is no such installer of packages",
            remedy=f"set it to {' or '.join(values)}, or leave it out",
        ),
    )


def _without_micromamba(state: Any) -> tuple[Finding, ...]:
    """Return each step that needs micromamba if it is missing; Metaflow downloads it if it can."""
    from metaflow.exception import MetaflowException

    decorators = dict(_steps(state))
    if not decorators:
        return ()
    try:
        _ = state.environment.solvers["conda"].bin
    except (MetaflowException, OSError):
        return tuple(_missing_micromamba(step, name) for step, name in decorators.items())
    return ()


def _without_uv(state: Any) -> tuple[Finding, ...]:
    if uv.Uv.found(os.environ) is not None:
        return ()
    datastore = state.flow_datastore.TYPE
    return tuple(
        Finding(
            where=node.name,
            feature="@pypi",
            reason="uv, which locks the packages and makes the step's interpreter, is not on this machine",
            remedy="install it (`pip install uv`); or install micromamba for Metaflow's own way",
        )
        for node in sorted(state.graph, key=lambda node: node.func_lineno)
        if packages.requested(node, state.environment, datastore) is not None
    )


def _steps(state: Any) -> Iterator[tuple[str, str]]:
    """Yield each step that asks for its own environment, and the decorator that asks for it."""
    for node in sorted(state.graph, key=lambda node: node.func_lineno):
        names = [decorator.name for decorator in node.decorators]
        if not state.environment.is_disabled(node):
            yield node.name, "pypi" if "pypi" in names else "conda"


def _missing_micromamba(step: str, decorator: str) -> Finding:
    return Finding(
        where=step,
        feature=f"@{decorator}",
        reason="Metaflow makes the step's interpreter with micromamba, which is not on this machine and could "
        "not be downloaded from micro.mamba.pm",
        remedy="install micromamba on PATH, or set METAFLOW_PATH_TO_MICROMAMBA to its path",
    )
