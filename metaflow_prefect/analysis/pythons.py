"""Which Python a flow asks for: @pypi(python=…) of its steps, `requires-python` of its uv project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from metaflow_prefect.analysis.uv_project import UvProject

_ENVIRONMENT = "pypi"
"""The value of Metaflow's `--environment` under which @pypi's Python is that of the container's image."""

_PATCHES = range(60)
"""The patch releases that a Python may have, more than any has had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonRequest:
    """What asks for a Python, in words, and the versions that it accepts, as in `requires-python`.

    `step` is the step whose interpreter alone it is for; None is for all steps.
    """

    where: str
    feature: str
    accepts: str
    step: str | None = None

    def __str__(self) -> str:
        return f"{self.where} asks for {self.feature}"

    def accepts_minor(self, version: str) -> bool:
        """Say whether it accepts some release of *version*, as `3.12`.

        >>> asked = PythonRequest(where="flow", feature="", accepts=">=3.11.4,<3.13")
        >>> [asked.accepts_minor(version) for version in ("3.10", "3.11", "3.12", "3.13")]
        [False, True, True, False]
        """
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        try:
            accepted = SpecifierSet(self.accepts)
        except InvalidSpecifier:  # uv says what is wrong with it
            return True
        return any(accepted.contains(f"{version}.{patch}") for patch in _PATCHES)


def requests(state: Any, project: UvProject | None) -> tuple[PythonRequest, ...]:
    """Return what of the flow asks for a Python; *project* is the uv project that travels with it."""
    if project is not None and project.requires_python:
        return (
            PythonRequest(
                where="its uv project",
                feature=f"requires-python = {project.requires_python!r}",
                accepts=project.requires_python,
            ),
        )
    if state.environment.TYPE != _ENVIRONMENT:
        return ()
    return tuple(_of_steps(state))


def _of_steps(state: Any) -> Iterator[PythonRequest]:
    for node in sorted(state.graph, key=lambda node: node.func_lineno):
        for decorator in node.decorators:
            # @pypi_base has passed its Python on to the steps by now.
            version = decorator.attributes.get("python") if decorator.name == "pypi" else None
            if version and not decorator.attributes.get("disabled"):
                minor = ".".join(str(version).split(".")[:2])
                yield PythonRequest(
                    where=node.name,
                    feature=f"@pypi(python={str(version)!r})",
                    accepts=f"=={minor}.*",
                    step=node.name,
                )
