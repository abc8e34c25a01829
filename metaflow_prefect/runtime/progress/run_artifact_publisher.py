"""Posts a run's progress to Prefect while it runs, in a separate thread, so that tasks never wait for it."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from metaflow_prefect.names import artifact_key
from metaflow_prefect.runtime.flow.graph import Step
from metaflow_prefect.runtime.progress.current_progress import CurrentProgress
from metaflow_prefect.runtime.progress.model import Progress, StepProgress
from metaflow_prefect.runtime.progress.run_artifact import NOT_KNOWN, Containers, chart, percent

_EVERY_SECONDS = 5.0
_WIDE = 20
"""A foreach with at least this many tasks gets a progress bar."""

_LAST_POST_SECONDS = 10.0
"""The longest time that the end of a run waits for the last post."""


def _nothing(_progress: Progress, _now: float) -> Containers:
    """Say nothing about containers."""
    return NOT_KNOWN


class Publisher:
    """Keeps the run's artifact, and one for each wide foreach, up to date."""

    def __init__(
        self,
        current: CurrentProgress,
        steps: tuple[Step, ...],
        flow_run_id: UUID,
        say: Callable[[str], None],
        *,
        is_continued: bool,
        about_containers: Callable[[Progress, float], Containers] = _nothing,
    ) -> None:
        """Prepare for a run whose progress has begun; *say* logs where the artifact is, and the first refusal by Prefect.

        An execution that continues an earlier one updates its artifacts. *about_containers* says what its containers
        cost and used.
        """
        self._say = say
        self._is_continued = is_continued
        self._about_containers = about_containers
        self._current = current
        self._steps = steps
        self._docs = {step.name: _first_line(step.task) for step in steps}
        self._flow_run_id = flow_run_id
        self._ids: dict[str, Any] = {}
        self._posted: dict[str, object] = {}
        self._has_complained = False
        self._is_over = threading.Event()
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=lambda: context.run(self._run), name="progress", daemon=True
        )

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Post while the block runs, and once more when it has ended."""
        self._thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            self._thread.join(_LAST_POST_SECONDS)

    def _run(self) -> None:
        pause = 0.0
        while not self._is_over.wait(pause):
            self._try_to_post()
            pause = _EVERY_SECONDS
        self._try_to_post()

    def _try_to_post(self) -> None:
        try:
            self._post()
        except Exception as error:  # noqa: BLE001  a thread's boundary; what people see never decides what a run does
            # The next one may be accepted: a server that is being updated does not answer for a while.
            if not self._has_complained:
                self._has_complained = True
                self._say(f"The run's progress could not be posted to Prefect: {error}")

    def _post(self) -> None:
        progress = self._current.value
        if progress is None or self._posted.get("") == progress:
            return
        if self._is_continued:
            self._find_earlier(progress.flow)
            self._is_continued = False
        now = time.time()
        self._put(
            artifact_key(progress.flow),
            "markdown",
            f"The run's graph and its steps: {progress.state.value}",
            chart(self._steps, self._docs, progress, now, self._about_containers(progress, now)),
        )
        for step in progress.steps:
            if step.is_foreach and step.total >= _WIDE:
                self._put_bar(progress, step)
        self._posted[""] = progress

    def _put_bar(self, progress: Progress, step: StepProgress) -> None:
        done = percent(step)
        if self._posted.get(step.name) != done:
            key = _bar_key(progress.flow, step.name)
            self._put(key, "progress", f"Tasks of {step.name} that are done", done)
            self._posted[step.name] = done

    def _put(self, key: str, kind: str, description: str, data: object) -> None:
        from prefect.client.orchestration import get_client

        body = {"description": description, "data": data}
        with get_client(sync_client=True) as client:
            if key in self._ids:
                # Not `update_artifact`: it sends an event with the whole image each time.
                client.request(
                    "PATCH", "/artifacts/{id}", path_params={"id": self._ids[key]}, json=body
                )
                return
            whole = {"key": key, "type": kind, "flow_run_id": str(self._flow_run_id), **body}
            self._ids[key] = client.request("POST", "/artifacts/", json=whole).json()["id"]
        if kind == "markdown":
            self._say_where(self._ids[key])

    def _say_where(self, artifact_id: str) -> None:
        from prefect.settings import PREFECT_UI_URL

        # Among the artifacts of its tasks it is not easily found.
        if page := PREFECT_UI_URL.value():
            self._say(f"The run's graph: {page}/artifacts/artifact/{artifact_id}")

    def _find_earlier(self, flow: str) -> None:
        from prefect.client.orchestration import get_client
        from prefect.client.schemas import filters

        keys = [_bar_key(flow, step.name) for step in self._steps]
        with get_client(sync_client=True) as client:
            found = client.read_artifacts(
                artifact_filter=filters.ArtifactFilter(
                    flow_run_id=filters.ArtifactFilterFlowRunId(any_=[self._flow_run_id]),
                    key=filters.ArtifactFilterKey(any_=[artifact_key(flow), *keys]),
                )
            )
        self._ids = {item.key: item.id for item in found if item.key and item.task_run_id is None}


def _bar_key(flow: str, step: str) -> str:
    return artifact_key(flow, step, "progress")


def _first_line(task: Any) -> str:
    return str(getattr(task, "description", "") or "").strip().partition("\n")[0]
