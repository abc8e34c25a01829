"""When to poll Northflank, and for what: the fewest calls that show every run that is due. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import Generic, Protocol, TypeVar

from prefect_northflank.api.requests import PAGE
from prefect_northflank.intervals import Intervals
from prefect_northflank.records.infrastructure_pid import InfrastructurePid


class Pollable(Protocol):
    """What the schedule needs to know of a watched run."""

    @property
    def pid(self) -> InfrastructurePid:
        """The job run."""
        ...

    @property
    def next_poll(self) -> float:
        """When to poll next, in seconds of the monitor's clock."""
        ...

    @property
    def concluded_at(self) -> float | None:
        """When a poll found the run concluded, or gone for good; None while it is active."""
        ...


R = TypeVar("R", bound=Pollable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll(Generic[R]):
    """The watched runs of one job that the same calls show."""

    job: str
    runs: Sequence[R]

    @property
    def lists(self) -> bool:
        """Whether to read the job's list of runs instead of the one run."""
        return len(self.runs) > 1

    @property
    def calls(self) -> int:
        """The least number of calls (the order of the list is undocumented, so a page may not be enough)."""
        return ceil(len(self.runs) / PAGE)


def polls_due(runs: Iterable[R], *, now: float) -> Sequence[Poll[R]]:
    """Return the polls to make now.

    One run that is due makes its whole job due: a list of runs costs the same for one and for a hundred.
    """
    by_job = sorted(runs, key=lambda run: run.pid.job)
    polls = []
    for job, group in groupby(by_job, key=lambda run: run.pid.job):
        active = [run for run in group if run.pid.run is not None and run.concluded_at is None]
        if any(run.next_poll <= now for run in active):
            polls.append(Poll(job=job, runs=active))
    return sorted(polls, key=lambda poll: min(run.next_poll for run in poll.runs))


def calls_to_poll_all(runs: Iterable[Pollable]) -> int:
    """Return the number of calls that show all *runs* once."""
    by_job = sorted(run.pid.job for run in runs)
    return sum(ceil(len(list(group)) / PAGE) for _, group in groupby(by_job))


def seconds_to_next_poll(
    *, age: float, calls: int, seconds_per_call: float, intervals: Intervals
) -> float:
    """Return the wait until a watched run of this *age* is polled again.

    A quarter of the age: a run that fails to start is seen soon, a long one costs little. The wait is longer if polling
    everything, which takes *calls*, would otherwise use the rate limit up before it resets.
    """
    wanted = min(max(age / 4, intervals.first_look_seconds), intervals.longest_look_seconds)
    return max(wanted, calls * seconds_per_call)
