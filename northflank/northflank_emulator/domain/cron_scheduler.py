"""Starts cron jobs when they are due, and applies their concurrency policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cronsim import CronSim

from northflank_emulator.errors import ApiError
from northflank_emulator.state.job_spec import part
from northflank_emulator.state.models import Job, JobType, Run
from northflank_emulator.state.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleControl:
    """How a scheduled run is started, and how a run is stopped."""

    start: Callable[[Job], Run]
    stop: Callable[[Run], None]


class CronScheduler:
    """Starts the runs of cron jobs; times are UTC, to the minute."""

    def __init__(self, store: Store, control: ScheduleControl, now: datetime) -> None:
        self._store = store
        self._control = control
        self._looked_at = now

    def tick(self, now: datetime) -> None:
        """Start one run of each job that has become due since the last tick, however long ago that was."""
        since, self._looked_at = self._looked_at, now
        for job in self._store.jobs:
            if _is_due(job, max(since, job.created_at), now):
                self._fire(job)

    def _fire(self, job: Job) -> None:
        """Start a run as the job's concurrency policy allows; manual runs do not count."""
        active = [
            run
            for run in self._store.runs.of((job.project, job.id))
            if run.scheduled and run.conclusion is None
        ]
        match part(job.spec, "settings", "cron").get("concurrencyPolicy", "allow"):
            case "forbid" if active:
                return
            case "replace":
                for run in active:
                    self._control.stop(run)
            case _:
                pass
        try:
            self._control.start(job)
        except ApiError:
            # A job without an image or a build cannot run, and a schedule has no caller to tell.
            return


def _is_due(job: Job, since: datetime, now: datetime) -> bool:
    schedule = part(job.spec, "settings", "cron").get("schedule")
    if job.type is not JobType.CRON or job.suspended or job.paused:
        return False
    if not isinstance(schedule, str):
        return False
    return next(CronSim(schedule, since), now.max.replace(tzinfo=now.tzinfo)) <= now
