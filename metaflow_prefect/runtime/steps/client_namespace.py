"""The namespace that Metaflow's client has inside the steps, where somebody has chosen one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

VARIABLE = "METAFLOW_PREFECT_NAMESPACE"

OPTION = "--namespace"


def chosen(environment: Mapping[str, str]) -> str | None:
    """Return the namespace that *environment* names, "" for all runs, or None: Metaflow's default then.

    The default is the user's, or that of the production token of a deployment.
    """
    return environment.get(VARIABLE)


def option() -> dict[str, Any]:
    """Return what click needs to make `OPTION`, which is the environment variable by another name."""

    def choose(_context: object, _option: object, value: str | None) -> None:
        if value is not None:
            os.environ[VARIABLE] = value

    return {
        "expose_value": False,
        "callback": choose,
        "help": "The namespace of Metaflow's client inside the steps, instead of the user's: a tag, or "
        "everything if empty.",
    }
