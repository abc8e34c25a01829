"""The Python and the platform for which a deployment's packages are locked: those of its containers; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from metaflow_prefect.deploy.plan.deploy_context import WorkPool
from metaflow_prefect.deploy.plan.image_choice import python_of
from metaflow_prefect.runtime.packages.lock import Target

_PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "aarch64": "aarch64-manylinux_2_28"}
"""The platform of a container by its machine, as uv names it: that of Debian 10, and of everything later."""

_IMAGE_VARIABLES = ("image", "deployment_external_image_path")


def target(
    chosen: Mapping[str, Any], pool: WorkPool, here: Target, *, platform: str | None = None
) -> Target:
    """Return the target of a deployment to *pool* from *here*; *chosen* are the job variables that the options set.

    An image whose name does not say its Python has that of this machine, since artifacts are pickled. *platform* is
    the user's own choice, as uv names it.
    """
    if pool.is_local:
        return here
    python = next(filter(None, map(python_of, _images(chosen, pool))), here.python)
    # A Docker worker usually runs where one deploys; everything else is x86 unless the user says so.
    machine = here.platform.partition("-")[0] if pool.type == "docker" else "x86_64"
    usual = _PLATFORMS.get(machine, _PLATFORMS["x86_64"])
    return replace(here, python=python, platform=platform or usual)


def _images(chosen: Mapping[str, Any], pool: WorkPool) -> tuple[str, ...]:
    """Return the image of the containers, if it is known: that of the options, of the pool, or the worker's own."""
    from prefect_northflank.job.settings import DEFAULT_IMAGE

    by_option = [chosen.get(name) for name in _IMAGE_VARIABLES]
    by_pool = [pool.defaults.get(name) for name in _IMAGE_VARIABLES]
    usual = DEFAULT_IMAGE if pool.type == "northflank" else None
    found = next((str(it) for it in (*by_option, *by_pool, usual) if it), None)
    return () if found is None else (found,)
