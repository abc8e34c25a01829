"""All intervals of the worker, in seconds: how often it asks, and how long it waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import inf

from prefect_northflank.errors import ConfigurationError

PREFIX = "PREFECT_NORTHFLANK_"
"""Each interval can be set in the worker's environment: PREFECT_NORTHFLANK_POLL_SECONDS=2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Intervals of a worker."""

    poll_seconds: float = 5.0
    """Between two reads of Prefect's states (one call for up to 200 flow runs)."""
    first_look_seconds: float = 15.0
    """From the start of a job run to the first poll of Northflank."""
    longest_look_seconds: float = 300.0
    """The longest time between two polls while the rate limit allows more."""
    grace_seconds: float = 15.0
    """From the end of a job run to the time at which Prefect's state counts as its last."""
    adopt_seconds: float = 30.0
    """Between two searches for flow runs whose worker is gone."""
    tidy_seconds: float = 900.0
    """Between two searches for jobs that were left behind."""
    settle_seconds: float = 60.0
    """How long a flow run of a worker that is gone may be Pending without a job run, before it is started again."""
    clean_up_seconds: float = 600.0
    """How long a container may go on after its flow run is final, before its job is deleted."""

    patience_seconds: float = 600.0
    """How long the start of a flow run retries failing calls to Northflank before the flow run is Crashed."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Intervals:
        """Read the intervals that *environment* sets.

        Raises:
            ConfigurationError: some of them are not valid intervals; the error names all of them.
        """
        given = {
            field.name: environment[PREFIX + field.name.upper()]
            for field in fields(cls)
            if environment.get(PREFIX + field.name.upper())
        }
        wrong = [name for name, text in given.items() if _seconds(text) is None]
        if wrong:
            raise ConfigurationError(
                what=", ".join(f"{PREFIX}{name.upper()}={given[name]}" for name in wrong),
                why="it has to be a number of seconds above 0",
                remedy="correct it in the environment of the worker, or leave it out",
            )
        return cls(**{name: _seconds(text) or 0.0 for name, text in given.items()})


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 < seconds < inf else None
