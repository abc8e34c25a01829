"""How steps are to be executed: what the user chooses, by option or variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from typing import Any

from metaflow_prefect.errors import SettingRefused

VARIABLE = "METAFLOW_PREFECT_STEP_EXECUTOR"


class Choice(str, Enum):
    """How steps are executed.

    `AUTO` forks where nobody can tell the difference. `FORK` forks also where the flow's import
    left something behind that forks share. `FRESH` starts an interpreter per task, as Metaflow does.
    """

    AUTO = "auto"
    FORK = "fork"
    FRESH = "fresh"

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Choice:
        """Return what *environment* says, or else the default.

        Raises:
            SettingRefused: that is none of the choices.
        """
        value = environment.get(VARIABLE) or DEFAULT
        try:
            return cls(value)
        except ValueError:
            raise SettingRefused(
                f"There is no step executor {value!r}.",
                fix=f"set {VARIABLE} to one of {', '.join(cls)}",
            ) from None


DEFAULT = Choice.AUTO


OPTION = "--step-executor"


def option() -> dict[str, Any]:
    """Return what click needs to make `OPTION`, which is the environment variable by another name."""
    # The same click that Metaflow uses.
    from metaflow._vendor import click

    def choose(_context: object, _option: object, value: str | None) -> None:
        if value is not None:
            os.environ[VARIABLE] = value

    return {
        "type": click.Choice([choice.value for choice in Choice]),
        "expose_value": False,
        "callback": choose,
        "help": "How steps are executed: forked from a process that has imported the flow (auto: if that is "
        f"safe), or in a fresh interpreter each; {VARIABLE} also sets it. "
        f"[default: {DEFAULT.value}]",
    }
