"""How the steps of a run are executed, as the user's environment variables say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from metaflow_prefect.errors import SettingRefused
from metaflow_prefect.runtime import variables


class ExecutorKind(str, Enum):
    """How steps are executed.

    `AUTO` forks where the step cannot tell the difference. `FORK` forks also where the flow's import
    left something behind that forks share. `FRESH` starts an interpreter per task, as Metaflow does.
    """

    AUTO = "auto"
    FORK = "fork"
    FRESH = "fresh"

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> ExecutorKind:
        """Return the kind that *environment* names, or else the default.

        Raises:
            SettingRefused: there is no such kind.
        """
        value = environment.get(variables.STEP_EXECUTOR) or DEFAULT_EXECUTOR
        try:
            return cls(value)
        except ValueError:
            raise SettingRefused(
                f"There is no step executor {value!r}.",
                fix=f"set {variables.STEP_EXECUTOR} to one of {', '.join(cls)}",
            ) from None


DEFAULT_EXECUTOR = ExecutorKind.AUTO


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSettings:
    """How the steps of one run are executed.

    `namespace` is that of Metaflow's client inside the steps: "" for all runs, None for Metaflow's default, which is
    the user's, or that of the production token of a deployment. `retry_delay_limit` is in seconds.
    """

    executor: ExecutorKind = DEFAULT_EXECUTOR
    namespace: str | None = None
    retry_delay_limit: float = math.inf

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> StepSettings:
        """Read the settings from *environment*.

        Raises:
            SettingRefused: a variable has a value that it cannot have.
        """
        return cls(
            executor=ExecutorKind.of(environment),
            namespace=environment.get(variables.NAMESPACE),
            retry_delay_limit=retry_delay_limit(environment),
        )


def retry_delay_limit(environment: Mapping[str, str]) -> float:
    """Return how long to wait at most before a step is tried again, in seconds; there is no limit by default.

    >>> retry_delay_limit({variables.RETRY_DELAY: "2.5"}), retry_delay_limit({})
    (2.5, inf)

    Raises:
        SettingRefused: it is not a number of seconds.
    """
    text = environment.get(variables.RETRY_DELAY)
    if not text:
        return math.inf
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise SettingRefused(
            f"{text!r} is not a number of seconds to wait before a step is tried again.",
            fix=f"set {variables.RETRY_DELAY} to 0 or more, or leave it out",
        )
    return seconds
