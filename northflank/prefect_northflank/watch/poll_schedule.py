"""When to look at Northflank, and at what: the fewest calls that show every run that is due. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil

from prefect_northflank.api.client import PAGE
from prefect_northflank.intervals import Intervals
from prefect_northflank.watch.watched_run import WatchedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One or more watches of one job that the same calls answer for."""

    job: str
    watches: Sequence[WatchedRun]

    @property
    def lists(self) -> bool:
        """Whether to read the job's list of runs instead of the one run."""
        return len(self.watches) > 1

    @property
    def calls(self) -> int:
        """Calls this takes at least (the order of the list is undocumented, so a page may not be enough)."""
        return ceil(len(self.watches) / PAGE)


def polls_due(watches: Iterable[WatchedRun], *, now: float) -> Sequence[Poll]:
    """Return what to look at now.

    One run that is due makes its whole job due: a list of runs costs the same for one and for a hundred.
    """
    by_job = sorted(watches, key=lambda watch: watch.pid.job)
    looks = []
    for job, group in groupby(by_job, key=lambda watch: watch.pid.job):
        members = [
            watch for watch in group if watch.pid.run is not None and watch.concluded_at is None
        ]
        if any(watch.next_poll <= now for watch in members):
            looks.append(Poll(job=job, watches=members))
    return sorted(looks, key=lambda look: min(watch.next_poll for watch in look.watches))


def calls_to_poll_all(watches: Iterable[WatchedRun]) -> int:
    """Return how many calls it takes to look at all *watches* once."""
    by_job = sorted(watch.pid.job for watch in watches)
    return sum(ceil(len(list(group)) / PAGE) for _, group in groupby(by_job))


def seconds_to_next_poll(
    *, age: float, calls: int, seconds_per_call: float, intervals: Intervals
) -> float:
    """Return the wait until a watch of this *age* is looked at again.

    A quarter of the age: a run that fails to start is seen soon, a long one costs little. Stretched when a sweep of
    *calls* would otherwise use the rate limit up before it resets.
    """
    wanted = min(max(age / 4, intervals.first_look_seconds), intervals.longest_look_seconds)
    return max(wanted, calls * seconds_per_call)
