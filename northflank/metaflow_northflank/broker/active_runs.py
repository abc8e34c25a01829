"""The job runs that may have a container now, and when to look at each of them: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from prefect_northflank.api.responses import JobRun
from prefect_northflank.intervals import Intervals
from prefect_northflank.watch.poll_schedule import seconds_to_next_poll

from metaflow_northflank.broker.conversation import Conversation

INTERVALS = Intervals()

LOOKS_UNTIL_GONE = 2
"""Consecutive looks that do not find a run before it counts as deleted: one response may come from a stale replica."""


@dataclass(kw_only=True, eq=False)
class ActiveRun:
    """One job run that a task follows."""

    job: str
    run: str
    step: str
    conversation: Conversation
    began_at: float
    next_look: float
    seen: JobRun | None = None
    missed: int = 0
    is_concluded: bool = False
    is_aborted: bool = False


@dataclass(kw_only=True)
class ActiveRuns:
    """All of them, and every job run that any task ever had."""

    runs: list[ActiveRun] = field(default_factory=list)
    known: dict[str, set[str]] = field(default_factory=dict)
    """By job."""

    def add(self, run: ActiveRun) -> None:
        """Watch *run* from now on."""
        self.runs.append(run)
        self.known.setdefault(run.job, set()).add(run.run)

    def remove(self, run: ActiveRun) -> None:
        """Watch *run* no more."""
        if run in self.runs:
            self.runs.remove(run)

    def due(self, now: float) -> Mapping[str, list[ActiveRun]]:
        """Return the jobs that are due, each with all its runs: a list shows a hundred for the price of one."""
        open_ = sorted((run for run in self.runs if not run.is_concluded), key=lambda run: run.job)
        jobs = {job: list(runs) for job, runs in groupby(open_, key=lambda run: run.job)}
        return {
            job: runs for job, runs in jobs.items() if any(run.next_look <= now for run in runs)
        }


def take(
    runs: Iterable[ActiveRun],
    found: Mapping[str, JobRun],
    *,
    now: float,
    seconds_per_call: float,
) -> list[ActiveRun]:
    """Take what a look has *found* of *runs*, by id; return those that are over since."""
    over = []
    for run in runs:
        run.seen = found.get(run.run, run.seen)
        run.missed = 0 if run.run in found else run.missed + 1
        is_gone = run.missed >= LOOKS_UNTIL_GONE
        if is_gone:
            run.seen = None
        if is_gone or (run.run in found and found[run.run].concluded):
            run.is_concluded = True
            over.append(run)
        wait = seconds_to_next_poll(
            age=now - run.began_at, calls=1, seconds_per_call=seconds_per_call, intervals=INTERVALS
        )
        # A run that was not found is looked for again soon.
        run.next_look = now + (INTERVALS.first_look_seconds if run.missed else wait)
    return over
