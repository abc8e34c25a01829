"""The images of containers where a Python is asked for: one of that Python, unless an image is chosen already; pure.

The flow's container has to suit the steps that run in it, the container of a step with @northflank only that step.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.analysis.pythons import PythonRequest
from metaflow_prefect.deploy.plan.deploy_context import ImageChoice, WorkPool
from metaflow_prefect.errors import Finding

STOCK_PYTHONS = ("3.10", "3.11", "3.12", "3.13")
"""The Pythons of stock Prefect images that this package runs on."""

_OTHER_SOURCES = ("deployment_internal_id", "deployment_vcs_project_url")
"""Job variables of a `northflank` pool that name an image which is built, and of which nothing is known here."""

_IN_TAG = re.compile(r"python(3\.\d+)")
_OFFICIAL = re.compile(r"(?:^|/)python:(3\.\d+)")


def of_flow(
    flow: ir.Flow,
    requests: tuple[PythonRequest, ...],
    chosen: Mapping[str, Any],
    pool: WorkPool,
) -> ImageChoice:
    """Choose the image of the container in which the steps of *flow* run that have none of their own."""
    elsewhere = {step.name for step in flow.steps if step.container is not None}
    own = tuple(request for request in requests if request.step not in elsewhere)
    return choose(own, chosen, pool)


def of_step(
    step: str,
    requests: tuple[PythonRequest, ...],
    chosen: Mapping[str, Any],
    pool: WorkPool,
    inherited: str | None,
) -> ImageChoice:
    """Choose the image of the containers of *step*, as `choose` does, with what is refused in the step's words."""
    own = tuple(request for request in requests if request.step in {None, step})
    choice = choose(own, chosen, pool, inherited)
    findings = tuple(
        replace(finding, where=step, remedy="name an image of that Python: @northflank(image=…)")
        for finding in choice.findings
    )
    return replace(choice, findings=findings)


def choose(
    requests: tuple[PythonRequest, ...],
    chosen: Mapping[str, Any],
    pool: WorkPool,
    inherited: str | None = None,
) -> ImageChoice:
    """Choose the image of a container with *requests*; *chosen* are the job variables that are asked for.

    The image that they name wins, then that of the pool's template. *inherited* is the image that the container has
    where none of these names one.
    """
    if pool.is_local:
        return ImageChoice()
    named = _named(chosen, pool)
    if named is not None:
        return _checked(requests, named)
    default = inherited or _default(chosen, pool)
    if default is None and _is_built(chosen, pool):
        return ImageChoice()
    agreed = [
        version
        for version in STOCK_PYTHONS
        if all(request.accepts_minor(version) for request in requests)
    ]
    if not agreed:
        return ImageChoice(findings=tuple(_not_in_stock(requests)) or (_disagreement(requests),))
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


def _not_in_stock(requests: tuple[PythonRequest, ...]) -> Iterator[Finding]:
    offered = f"{STOCK_PYTHONS[0]} to {STOCK_PYTHONS[-1]}"
    for request in requests:
        if not any(map(request.accepts_minor, STOCK_PYTHONS)):
            yield Finding(
                where=request.where,
                feature=request.feature,
                reason=f"no stock image has it; they have Python {offered}",
                remedy="ask for one of these, or name an image that has what is asked for: --image",
            )


def _disagreement(requests: tuple[PythonRequest, ...]) -> Finding:
    asked = "; ".join(str(request) for request in requests)
    return Finding(
        where="flow",
        feature="the Pythons that it asks for",
        reason=f"these steps share one container, which has one Python: {asked}",
        remedy="give steps that ask for another Python containers of their own, with @northflank; or ask for the same "
        "Python everywhere",
    )


def _named(chosen: Mapping[str, Any], pool: WorkPool) -> str | None:
    """Return the image that the options or the template name; the worker's default names none."""
    from prefect_northflank.job.settings import DEFAULT_IMAGE

    names = ("image", pool.image_variable)
    by_option = [str(chosen[name]) for name in names if chosen.get(name)]
    defaults = pool.defaults
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
    given = {**pool.defaults, **chosen}
    body = given.get("job_body")
    return any(given.get(name) for name in _OTHER_SOURCES) or (
        isinstance(body, Mapping) and "deployment" in body
    )
