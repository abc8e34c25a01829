"""Follow a run of a deployment in a terminal: its log, and below it the progress that it posts."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

from metaflow_prefect.deploy.runs import run_logs, runs
from metaflow_prefect.deploy.runs.runs import RunRecord
from metaflow_prefect.names import artifact_key
from metaflow_prefect.runtime.progress.model import Progress, State
from metaflow_prefect.runtime.progress.run_artifact import progress_of
from metaflow_prefect.runtime.progress.run_result import RunStatus, steps
from metaflow_prefect.runtime.progress.terminal import TerminalProgress


def wait(client: Any, run: RunRecord) -> RunRecord:
    """Show the run until it is over and return it as it is then."""
    watch = _Watch(client, run)
    with watch.screen.shown():
        while not watch.poll().status.is_over:
            time.sleep(runs.POLL_SECONDS)
    return watch.run


def steps_of(client: Any, run: RunRecord) -> list[dict[str, Any]]:
    """Return the progress of each step, as JSON-able data; empty if the run has not begun."""
    return steps(_as_ended(_posted(client, run), run))


def follow(client: Any, run: RunRecord, step: str | None) -> RunRecord:
    """Show the run and its log, only that of *step* if one is given, until it is over.

    Raises:
        RunRefused: the run is over and had no task of that step.
    """
    watch = _Watch(client, run)
    with watch.screen.shown():
        for line in run_logs.follow(client, run, step, on_poll=watch.poll):
            watch.screen.line(line.task, line.message, line.moment.timestamp())
    return watch.run


class _Watch:
    """The run and its progress as they were at the last poll."""

    def __init__(self, client: Any, run: RunRecord) -> None:
        self._client = client
        self.run = run
        self._progress: Progress | None = None
        self.screen = TerminalProgress(lambda: self._progress, waiting=waiting(run))
        self.screen.link = run.url or ""

    def poll(self) -> RunRecord:
        """Ask the server for the run and its progress."""
        self.run = runs.read(self._client, self.run.flow_name, self.run.id)
        self.screen.waiting = waiting(self.run)
        self._progress = _as_ended(_posted(self._client, self.run), self.run)
        return self.run


def waiting(run: RunRecord) -> str:
    """Return what a terminal shows of a run that has no progress yet."""
    hint = ": no worker of its pool has picked it up yet" if run.status is RunStatus.PENDING else ""
    return f"{run.pathspec}\n  {run.state}{hint}"


def _posted(client: Any, run: RunRecord) -> Progress | None:
    from prefect.client.schemas import filters

    found: Iterator[Any] = iter(
        client.read_artifacts(
            artifact_filter=filters.ArtifactFilter(
                flow_run_id=filters.ArtifactFilterFlowRunId(any_=[run.id]),
                key=filters.ArtifactFilterKey(any_=[artifact_key(run.flow_name)]),
            )
        )
    )
    artifact = next(found, None)
    return None if artifact is None else progress_of(str(artifact.data))


def _as_ended(progress: Progress | None, run: RunRecord) -> Progress | None:
    """Return the progress as ended if the run is over but could not post its end."""
    if progress is None or not run.status.is_over or progress.is_over:
        return progress
    state = State.DONE if run.status is RunStatus.SUCCEEDED else State.FAILED
    ended = progress.began if run.end is None else run.end.timestamp()
    return dataclasses.replace(progress, state=state, ended=ended)
