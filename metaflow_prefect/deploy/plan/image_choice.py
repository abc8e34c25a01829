"""The image of a flow that asks for a Python: one of that Python, unless an image is chosen already; pure."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metaflow_prefect.analysis.pythons import PythonRequest
from metaflow_prefect.deploy.plan.deploy_context import WorkPool
from metaflow_prefect.errors import Finding

STOCK_PYTHONS = ("3.10", "3.11", "3.12", "3.13")
"""The Pythons of stock Prefect images that this package runs on."""

_OTHER_SOURCES = ("deployment_internal_id", "deployment_vcs_project_url")
"""Job variables of a `northflank` pool that name an image which is built, and of which nothing is known here."""

_IN_TAG = re.compile(r"python(3\.\d+)")
_OFFICIAL = re.compile(r"(?:^|/)python:(3\.\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChoice:
    """The image to use where one has to be chosen, the reason in words, and why none can be.

    `python` is the one of the container, as `3.12`, as far as it is known.
    """

    image: str | None = None
    python: str | None = None
    lines: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def choose(
    requests: tuple[PythonRequest, ...], chosen: Mapping[str, Any], pool: WorkPool
) -> ImageChoice:
    """Choose the image of a flow with *requests*; *chosen* are the job variables that the options ask for.

    The image that the options name wins, then that of the pool's template.
    """
    if pool.is_local:
        return ImageChoice()
    named = _named(chosen, pool)
    if named is not None:
        return _checked(requests, named)
    default = _default(chosen, pool)
    if default is None and _is_built(chosen, pool):
        return ImageChoice()
    agreed = [
        version
        for version in STOCK_PYTHONS
        if all(request.accepts_minor(version) for request in requests)
    ]
    if not agreed:
        return ImageChoice(findings=(_disagreement(requests),))
    known = None if default is None else python_of(default)
    if agreed == list(STOCK_PYTHONS) or known in agreed:
        return ImageChoice(python=known)
    here = ".".join(map(str, sys.version_info[:2]))
    version = here if here in agreed else agreed[-1]
    image = f"prefecthq/prefect:3-python{version}"
    asked = "; ".join(str(request) for request in requests)
    return ImageChoice(image=image, python=version, lines=(f"image {image}: {asked}",))


def python_of(image: str) -> str | None:
    """Return the Python of an image whose name says it.

    >>> [python_of(name) for name in ("prefecthq/prefect:3-python3.12", "python:3.11-slim", "team/image:7")]
    ['3.12', '3.11', None]
    """
    _, _, tag = image.rpartition("/")[2].partition(":")
    found = _IN_TAG.search(tag) or _OFFICIAL.search(image)
    return None if found is None else found[1]


def _checked(requests: tuple[PythonRequest, ...], image: str) -> ImageChoice:
    version = python_of(image)
    if version is None:
        return ImageChoice()
    return ImageChoice(
        python=version,
        findings=tuple(
            Finding(
                where=request.where,
                feature=request.feature,
                reason=f"the image {image} has Python {version}",
                remedy="choose an image of that Python (--image), or leave --image and the job variable out: "
                "deploy then chooses one",
            )
            for request in requests
            if not request.accepts_minor(version)
        ),
    )


def _disagreement(requests: tuple[PythonRequest, ...]) -> Finding:
    asked = "; ".join(str(request) for request in requests)
    offered = f"{STOCK_PYTHONS[0]} to {STOCK_PYTHONS[-1]}"
    return Finding(
        where="flow",
        feature="the Python that it asks for",
        reason=f"its steps share one container, and no stock image ({offered}) has all that they ask for: {asked}",
        remedy="ask for the same Python everywhere, or name an image that has what they ask for: --image",
    )


def _named(chosen: Mapping[str, Any], pool: WorkPool) -> str | None:
    """Return the image that the options or the template name; the worker's default names none."""
    from prefect_northflank.job.settings import DEFAULT_IMAGE

    names = ("image", pool.image_variable)
    by_option = [str(chosen[name]) for name in names if chosen.get(name)]
    defaults = _defaults(pool)
    by_pool = [
        str(defaults[name]) for name in names if defaults.get(name, DEFAULT_IMAGE) != DEFAULT_IMAGE
    ]
    return next(iter((*by_option, *by_pool)), None)


def _default(chosen: Mapping[str, Any], pool: WorkPool) -> str | None:
    """Return the image that the worker uses where none is named, if that is known."""
    from prefect_northflank.job.settings import DEFAULT_IMAGE

    is_known = pool.type == "northflank" and not _is_built(chosen, pool)
    return DEFAULT_IMAGE if is_known else None


def _is_built(chosen: Mapping[str, Any], pool: WorkPool) -> bool:
    given = {**_defaults(pool), **chosen}
    body = given.get("job_body")
    return any(given.get(name) for name in _OTHER_SOURCES) or (
        isinstance(body, Mapping) and "deployment" in body
    )


def _defaults(pool: WorkPool) -> Mapping[str, Any]:
    properties = (pool.template.get("variables") or {}).get("properties") or {}
    return {
        name: schema["default"]
        for name, schema in properties.items()
        if isinstance(schema, Mapping) and schema.get("default") is not None
    }
