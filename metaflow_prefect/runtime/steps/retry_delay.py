"""How long to wait at most before a step is tried again: what the user chooses, by option or variable."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from metaflow_prefect.errors import SettingRefused

VARIABLE = "METAFLOW_PREFECT_RETRY_DELAY"

OPTION = "--retry-delay"


def limit(environment: Mapping[str, str]) -> float:
    """Return the limit in seconds that *environment* gives; there is none by default.

    >>> limit({VARIABLE: "2.5"}), limit({})
    (2.5, inf)

    Raises:
        SettingRefused: it is not a number of seconds.
    """
    text = environment.get(VARIABLE)
    if not text:
        return math.inf
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise SettingRefused(
            f"{text!r} is not a number of seconds to wait before a step is tried again.",
            fix=f"set {VARIABLE} to 0 or more, or leave it out",
        )
    return seconds


def option() -> dict[str, Any]:
    """Return what click needs to make `OPTION`, which is the environment variable by another name."""
    # The same click that Metaflow uses.
    from metaflow._vendor import click

    def choose(_context: object, option: object, value: float | None) -> None:
        if value is None:
            return
        os.environ[VARIABLE] = str(value)
        try:
            limit(os.environ)
        except SettingRefused as refused:
            raise click.BadParameter(refused.problem, param=option) from None

    return {
        "type": float,
        "metavar": "SECONDS",
        "expose_value": False,
        "callback": choose,
        "help": "The longest time to wait before a step is retried. By default, @retry waits for two minutes; "
        f"Metaflow's own `run` does not wait. {VARIABLE} also sets it.",
    }
