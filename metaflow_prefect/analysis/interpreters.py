"""Metaflow's own environments of steps (@conda, @pypi): whether this machine can make them, and making them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from metaflow_prefect.errors import Finding

MADE_BY_METAFLOW = frozenset({"conda", "pypi"})
"""The values of `--environment` under which Metaflow makes an interpreter for each step, with micromamba."""


def findings(state: Any) -> tuple[Finding, ...]:
    """Return each step that asks for an interpreter which cannot be made, for want of micromamba.

    Metaflow fetches the program where it is not there.
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
    """Have Metaflow resolve and make the environments of all steps; costs little where they are there.

    Raises:
        MetaflowException: an environment cannot be resolved; says which package is the matter.
    """
    if state.environment.TYPE in MADE_BY_METAFLOW:
        state.environment.init_environment(state.echo)


def _steps(state: Any) -> Iterator[tuple[str, str]]:
    """Yield each step that has an environment of its own, and the decorator it has it from."""
    for node in sorted(state.graph, key=lambda node: node.func_lineno):
        names = [decorator.name for decorator in node.decorators]
        if not state.environment.is_disabled(node):
            yield node.name, "pypi" if "pypi" in names else "conda"


def _missing(step: str, decorator: str) -> Finding:
    return Finding(
        where=step,
        feature=f"@{decorator}",
        reason="Metaflow makes the step's interpreter with micromamba, which is not on this machine and could "
        "not be fetched from micro.mamba.pm",
        remedy="install micromamba and have it on PATH, or name it in METAFLOW_PATH_TO_MICROMAMBA",
    )
