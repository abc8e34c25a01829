"""How long a start takes: from the request to the container, and to the end of a program that does nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from tests.live.api import NoCallsLeft, Unexpected
from tests.live.scenario import Scenario, until

STARTS = 3
_BEGUN = frozenset({"TASK_RUNNING", "TASK_KILLING", "TASK_KILLED", "TASK_FAILED", "TASK_FINISHED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """One start, in seconds after the request was sent; looked at every few seconds at worst."""

    answered: float
    container: float
    over: float


def measure(scenario: Scenario) -> tuple[Latency, ...]:
    """Start a few runs one after the other; the first ones of this verification have pulled the image."""
    try:
        return tuple(_one(scenario) for _ in range(STARTS))
    except (Unexpected, KeyError, NoCallsLeft, httpx.HTTPError):
        return ()


def _one(scenario: Scenario) -> Latency:
    begun = time.monotonic()
    clock: Callable[[], float] = lambda: time.monotonic() - begun  # noqa: E731  a stopwatch
    run = scenario.start(scenario.main)
    answered = clock()

    def words() -> set[str]:
        return {str(it["status"]) for it in scenario.containers(run)}

    until(words, lambda found: bool(found & _BEGUN), f"run {run.name} has a container")
    container = clock()
    scenario.concluded(run)
    return Latency(answered=answered, container=container, over=clock())
