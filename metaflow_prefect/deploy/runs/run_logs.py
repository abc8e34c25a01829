"""The log of a run, as Prefect keeps it: of the whole run, or of the tasks of one step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from metaflow_prefect.deploy.runs import runs, step_runs
from metaflow_prefect.deploy.runs.runs import RunRecord
from metaflow_prefect.deploy.server.pages import all_pages
from metaflow_prefect.errors import RunRefused

_LATE_SECONDS = 5.0
"""The longest time between two batches of a run's last lines: Prefect's handler sends one every two
seconds (PREFECT_LOGGING_TO_API_BATCH_INTERVAL), the last of them after the run's end.
"""
_OUT_OF_ORDER = timedelta(minutes=5)
"""How much older than a line that was already read a new line may be: it was sent late, or its clock is slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One message. `task` is what Prefect calls the task (`train[2]`), or empty for the run itself."""

    moment: datetime
    task: str
    message: str

    def __str__(self) -> str:
        where = f"[{self.task}] " if self.task else ""
        return f"{self.moment.astimezone():%Y-%m-%d %H:%M:%S} {where}{self.message}"

    def summary(self) -> dict[str, Any]:
        """Return the line as JSON-able data."""
        return {"time": self.moment.isoformat(), "task": self.task, "message": self.message}


def lines(client: Any, run: RunRecord, step: str | None = None) -> Iterator[Line]:
    """Yield what the run has logged so far, of *step* only if one is given.

    Raises:
        RunRefused: the run has no task of that step (yet).
    """
    reader = _Reader(client, run, step)
    yield from reader.new()
    reader.check_step()


def follow(
    client: Any,
    run: RunRecord,
    step: str | None = None,
    on_poll: Callable[[], RunRecord] | None = None,
) -> Iterator[Line]:
    """Yield what the run logs until it is over; *on_poll* returns the run as it is, instead of a request of this function.

    Raises:
        RunRefused: the run is over and had no task of that step.
    """
    reader = _Reader(client, run, step)
    ask = on_poll or (lambda: runs.read(client, run.flow_name, run.id))
    was_over = True
    while not ask().status.is_over:
        was_over = False
        yield from reader.new()
        time.sleep(runs.POLL_SECONDS)
    yield from reader.new()
    if not was_over:
        yield from _late_lines(reader)
    reader.check_step()


def _late_lines(reader: _Reader) -> Iterator[Line]:
    """Yield the lines that arrive after the run's end, until there are no more."""
    latest = time.monotonic()
    while time.monotonic() - latest < _LATE_SECONDS:
        time.sleep(runs.POLL_SECONDS)
        for line in reader.new():
            latest = time.monotonic()
            yield line


class _Reader:
    """Remembers how far the log has been read, and the tasks' names."""

    def __init__(self, client: Any, run: RunRecord, step: str | None) -> None:
        self._client = client
        self._run = run
        self._step = step
        self._seen: set[str] = set()
        self._latest: datetime | None = None
        self._tasks: dict[str, str] = {}
        self._has_containers = step_runs.has_some(client, run)
        self._containers: dict[str, str] = {}

    def new(self) -> Iterator[Line]:
        """Yield the lines that are new since the last call."""
        from prefect.client.schemas import filters

        if self._has_containers:
            found = step_runs.listed(self._client, self._run)
            self._containers = {item.id: item.tasks for item in found}
        since = None if self._latest is None else self._latest - _OUT_OF_ORDER
        wanted = filters.LogFilter(
            flow_run_id=filters.LogFilterFlowRunId(any_=[self._run.id, *self._containers]),
            timestamp=None if since is None else filters.LogFilterTimestamp(after_=since),
        )
        for page in all_pages(self._client.read_logs, log_filter=wanted):
            if any(
                log.task_run_id is not None and str(log.task_run_id) not in self._tasks
                for log in page
            ):
                self._read_tasks()
            for log in page:
                # Lines of different tasks arrive out of order: an offset alone would miss some.
                if str(log.id) in self._seen:
                    continue
                self._seen.add(str(log.id))
                self._latest = max(self._latest or log.timestamp, log.timestamp)
                task = self._containers.get(str(log.flow_run_id), "")
                if log.task_run_id is not None:
                    task = self._tasks.get(str(log.task_run_id), "")
                if self._step is None or _step(task) == self._step:
                    yield Line(moment=log.timestamp, task=task, message=log.message)

    def check_step(self) -> None:
        """Refuse a step that has no task."""
        if self._step is None:
            return
        self._read_tasks()
        steps = sorted({_step(task) for task in self._tasks.values()})
        if self._step not in steps:
            raise RunRefused(
                f"{self._run.run_id} has no task of a step {self._step!r}.",
                fix=f"use one of the steps that have run: {', '.join(steps) or 'none has yet'}",
            )

    def _read_tasks(self) -> None:
        from prefect.client.schemas import filters

        ids = filters.FlowRunFilterId(any_=[self._run.id, *self._containers])
        of_run = filters.FlowRunFilter(id=ids)
        for page in all_pages(self._client.read_task_runs, flow_run_filter=of_run):
            self._tasks.update({str(task.id): task.name for task in page})


def _step(task: str) -> str:
    """Return the step of a task run's name (`names.task_label`)."""
    return task.partition("[")[0].partition("#")[0]
