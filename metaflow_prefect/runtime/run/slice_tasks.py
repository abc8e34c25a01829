"""A flow run that executes a slice of another: its tasks, and the other's state, which it must not outlive."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from metaflow_prefect.runtime.flow.dispatcher import Launch, TaskPlace, TaskReport
from metaflow_prefect.runtime.run.session import Session

_LOOK_SECONDS = 15.0
"""How often the container asks whether the flow run that wanted it goes on: a request each time."""


class SliceTasks:
    """The tasks of a slice: all may run at once, and nothing follows them here."""

    def __init__(self, launches: tuple[Launch, ...]) -> None:
        self.first = list(launches)
        self._open = {launch.place for launch in launches}

    @property
    def is_complete(self) -> bool:
        """Whether all of them are done."""
        return not self._open

    def finished(self, place: TaskPlace, _report: TaskReport) -> list[Launch]:
        """Record that a task is done."""
        self._open.discard(place)
        return []


class ParentWatch:
    """Ends the slice's steps when the flow run that asked for them has failed or is cancelled.

    That flow run ends its containers itself, unless it was killed. After a crash it may be executed again,
    and then finds what its containers have done: they go on.
    """

    def __init__(self, flow_run_id: str, session: Session) -> None:
        self._flow_run_id = flow_run_id
        self._session = session
        self._is_over = threading.Event()
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=lambda: context.run(self._run), name="parent", daemon=True
        )

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the block runs."""
        self._thread.start()
        try:
            yield
        finally:
            self._is_over.set()

    def _run(self) -> None:
        while not self._is_over.wait(_LOOK_SECONDS):
            # A server that is away for a moment says nothing about the flow run.
            with suppress(Exception):
                if state := self._final_state():
                    self._session.say(
                        f"The flow run that asked for these tasks is {state}: they end."
                    )
                    self._session.close()
                    return

    def _final_state(self) -> str | None:
        from prefect.client.orchestration import get_client
        from prefect.exceptions import ObjectNotFound

        with get_client(sync_client=True) as client:
            try:
                state = client.read_flow_run(UUID(self._flow_run_id)).state
            except ObjectNotFound:
                return "deleted"
        if state is None:
            return None
        is_given_up = state.is_failed() or state.is_cancelled() or state.is_cancelling()
        return state.name if is_given_up else None
