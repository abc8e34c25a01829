"""A flow run that executes a slice of another: its tasks, and how long they are wanted."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import httpx

from metaflow_prefect.errors import StepFailed
from metaflow_prefect.runtime.flow.dispatcher import Launch, TaskPlace, TaskReport

_LOOK_SECONDS = 15.0
"""How often the container asks whether the flow run that wanted it goes on: a request each time."""

_AWAY = (httpx.HTTPError, OSError)
"""How requests fail where the server does not answer."""


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


class Watch:
    """Ends the slice's steps when they are not wanted any more.

    The flow run that asked for them ends its containers itself, unless it was killed. After a crash it may be
    executed again, and then finds what its containers have done: they go on. This flow run itself may count as
    crashed although its container runs: another may have taken its place.
    """

    def __init__(
        self, asking: str, own: UUID, give_up: Callable[[], None], say: Callable[[str], None]
    ) -> None:
        """Watch the flow run *asking* for the slice, and this *own* one; *give_up* ends the steps."""
        self._asking = UUID(asking)
        self._own = own
        self._give_up = give_up
        self._say = say
        self._is_over = threading.Event()
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=lambda: context.run(self._run), name="watch", daemon=True
        )

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the block runs."""
        self._thread.start()
        try:
            yield
        finally:
            self._is_over.set()

    def check(self) -> None:
        """Look once.

        Raises:
            StepFailed: the tasks are not wanted any more.
        """
        reason = None
        with suppress(*_AWAY):
            reason = self._reason_to_end()
        if reason is not None:
            raise StepFailed(reason)

    def _run(self) -> None:
        while not self._is_over.wait(_LOOK_SECONDS):
            # A server that is away for a moment says nothing about the flow runs.
            with suppress(Exception):
                if reason := self._reason_to_end():
                    self._say(reason)
                    self._give_up()
                    return

    def _reason_to_end(self) -> str | None:
        from prefect.client.orchestration import get_client
        from prefect.client.schemas import filters

        ids = filters.FlowRunFilterId(any_=[self._asking, self._own])
        with get_client(sync_client=True) as client:
            found = client.read_flow_runs(flow_run_filter=filters.FlowRunFilter(id=ids))
        states = {run.id: run.state for run in found}
        if self._asking not in states:
            return "The flow run that asked for these tasks was deleted: they end."
        asking, own = states[self._asking], states.get(self._own)
        if (
            asking is not None
            and not asking.is_crashed()
            and (asking.is_final() or asking.is_cancelling())
        ):
            return f"The flow run that asked for these tasks is {asking.name}: they end."
        if own is not None and own.is_final():
            return f"This flow run is {own.name} already: its tasks end."
        return None
