"""Interpreters of single steps (@conda, @pypi): whether this machine can make them, and making them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from metaflow_prefect.errors import Finding

MADE_BY_METAFLOW = frozenset({"conda", "pypi"})
"""The values of `--environment` under which Metaflow makes an interpreter for each step, with micromamba."""


def findings(state: Any) -> tuple[Finding, ...]:
    """Return each step whose interpreter cannot be made because micromamba is missing.

    Metaflow downloads the program if it is missing.
    """
    from metaflow.exception import MetaflowException

    environment = state.environment
    if environment.TYPE not in MADE_BY_METAFLOW:
        return ()
    decorators = dict(_steps(state))
    if not decorators:
        return ()
    try:
        _ = environment.solvers["conda"].bin
    except (MetaflowException, OSError):
        return tuple(_missing(step, name) for step, name in decorators.items())
    return ()


def make(state: Any) -> None:
    """Have Metaflow resolve and make the environments of all steps; this is quick if they exist.

    Raises:
        MetaflowException: an environment cannot be resolved; names the package.
    """
    if state.environment.TYPE in MADE_BY_METAFLOW:
        state.environment.init_environment(state.echo)


def _steps(state: Any) -> Iterator[tuple[str, str]]:
    """Yield each step that asks for its own environment, and the decorator that asks for it."""
    for node in sorted(state.graph, key=lambda node: node.func_lineno):
        names = [decorator.name for decorator in node.decorators]
        if not state.environment.is_disabled(node):
            yield node.name, "pypi" if "pypi" in names else "conda"


def _missing(step: str, decorator: str) -> Finding:
    return Finding(
        where=step,
        feature=f"@{decorator}",
        reason="Metaflow makes the step's interpreter with micromamba, which is not on this machine and could "
        "not be downloaded from micro.mamba.pm",
        remedy="install micromamba on PATH, or set METAFLOW_PATH_TO_MICROMAMBA to its path",
    )
