"""What the steps ask for with @pypi, as requirements of pip, and what of it uv cannot install."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.errors import Finding

_OPERATORS = ("<", ">", "!", "~", "@", "=")
"""What a version begins with that says how it compares; others are exact, as under Metaflow."""

_REPOSITORY = re.compile(r"@\s*(?:git|hg|svn|bzr)\+")


def requested(node: Any, environment: Any, datastore: str) -> ir.Packages | None:
    """Return what the step *node* asks for, with what Metaflow needs for *datastore*; None if it asks for nothing."""
    from metaflow.metaflow_config import get_pinned_conda_libs

    decorator = _pypi(node)
    if decorator is None or environment.is_disabled(node):
        return None
    own, python = decorator.attributes["packages"], decorator.attributes["python"]
    if not own and not python:
        return None
    pinned = get_pinned_conda_libs(python, datastore)
    return ir.Packages(
        requirements=requirements(own, pinned), python=None if python is None else str(python)
    )


def requirements(own: Mapping[str, Any], pinned: Mapping[str, str]) -> tuple[str, ...]:
    """Return the packages of a step as requirements; its *own* replace those that Metaflow needs.

    >>> requirements({"Requests": "2.31.0", "pandas": ">=2", "tiny": ""}, {"requests": ">=2.21.0", "boto3": ">=1.14.0"})
    ('Requests==2.31.0', 'boto3>=1.14.0', 'pandas>=2', 'tiny')
    """
    names = {_canonical(name) for name in own}
    kept = {name: it for name, it in pinned.items() if _canonical(name) not in names}
    return tuple(
        sorted(_requirement(name, str(version)) for name, version in {**kept, **own}.items())
    )


def findings(graph: Any, environment: Any) -> tuple[Finding, ...]:
    """Return what steps ask for that uv cannot install from a lock."""
    nodes = sorted(graph, key=lambda node: node.func_lineno)
    found = (_finding(node) for node in nodes if not environment.is_disabled(node))
    return tuple(finding for finding in found if finding is not None)


def _finding(node: Any) -> Finding | None:
    if any(it.name == "conda" and it.attributes["packages"] for it in node.decorators):
        return Finding(
            where=node.name,
            feature="@conda under --environment=pypi",
            reason="uv installs packages of PyPI only",
            remedy="ask for the packages with @pypi, or use --environment=conda, which needs micromamba",
        )
    decorator = _pypi(node)
    own = {} if decorator is None else decorator.attributes["packages"]
    repositories = [name for name, version in own.items() if _REPOSITORY.search(str(version))]
    if not repositories:
        return None
    return Finding(
        where=node.name,
        feature=f"@pypi with {', '.join(repositories)} from a repository",
        reason="what is built from a repository has no hash that could be locked",
        remedy="build a wheel and name the index or the address (`@ https://…/package.whl`) that has it",
    )


def _pypi(node: Any) -> Any:
    return next((it for it in node.decorators if it.name == "pypi"), None)


def _requirement(name: str, version: str) -> str:
    if not version or version.startswith(_OPERATORS):
        return f"{name}{version}"
    return f"{name}=={version}"


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
