"""Tells Prefect's server of a task run that ended soon in one event instead of three, in runs of many tasks.

Most of what a task run costs the server is events: it reads, evaluates and stores each of Pending, Running and Completed
with all the resources that it names. The last one alone has everything that the server keeps of the task run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metaflow_prefect.runtime.servers.connection import is_embedded

if TYPE_CHECKING:
    from prefect.events import Event

SHOWN_STATE_BY_STATE = 20
"""The number of task runs whose states are all told at once: what people watch, and what most runs consist of."""

HELD_SECONDS = 2.0
"""How long a task run of a wide run may be Pending or Running before the server is told so."""

_PENDING, _RUNNING, _COMPLETED = "PENDING", "RUNNING", "COMPLETED"
_FIRST_ATTEMPT = ("0", "1")

Cancel = Callable[[], None]
Later = Callable[[float, Callable[[], None]], Cancel]
"""Calls a function after a number of seconds, unless what it returns is called before."""


@dataclass(frozen=True, slots=True)
class _Held:
    """Events of one task run that wait, and what keeps them from being sent when they have waited long enough."""

    events: list[Event]
    cancel: Cancel


class EventMerger:
    """Holds the first states of a task run for a moment, and drops them if it is Completed meanwhile.

    Everything else is sent at once, in the order in which it comes: other events, failures, further attempts. `put` is
    called in the event loop of Prefect's services, and so are the timers.
    """

    def __init__(self, send: Callable[[Event], None], later: Later | None = None) -> None:
        self._send = send
        self._later = later or _in_this_loop
        self._begun = 0
        self._held: dict[str, _Held] = {}

    def put(self, item: tuple[str, Event]) -> None:
        """Take an event from Prefect; the name and the argument are those of a queue, as Prefect wants it."""
        _, event = item
        state = _state_of_task_run(event)
        if state is None:
            self._send(event)
            return
        self._begun += state == _PENDING
        if self._may_wait(event, state):
            self._hold(event)
        elif state == _COMPLETED:
            self._send(self._merged(event))
        else:
            self._release(event.resource.id)
            self._send(event)

    def send_all(self) -> None:
        """Send everything that is held; nothing is put any more. The timers find nothing then."""
        for task_run in list(self._held):
            self._release(task_run)

    def _may_wait(self, event: Event, state: str) -> bool:
        if event.resource.get("prefect.run-count") not in _FIRST_ATTEMPT:
            return False
        if state == _PENDING:
            return self._begun > SHOWN_STATE_BY_STATE
        return state == _RUNNING and event.resource.id in self._held

    def _hold(self, event: Event) -> None:
        task_run = event.resource.id
        if (held := self._held.get(task_run)) is None:
            cancel = self._later(HELD_SECONDS, lambda: self._release(task_run))
            held = self._held[task_run] = _Held([], cancel)
        held.events.append(event)

    def _release(self, task_run: str) -> None:
        held = self._held.pop(task_run, None)
        for event in [] if held is None else held.events:
            self._send(event)

    def _merged(self, event: Event) -> Event:
        """Return the last event of a task run, so that it follows what was sent: the server would wait for the others."""
        if (held := self._held.pop(event.resource.id, None)) is None:
            return event
        held.cancel()
        return event.model_copy(update={"follows": held.events[0].follows})


@contextmanager
def merging() -> Iterator[None]:
    """Merge the events of the task runs that end while the block runs; what is held at its end is sent.

    Not for Prefect Cloud, nor for an embedded server, whose address Prefect's own choice of a client knows.
    """
    from prefect.events.clients import PrefectEventsClient
    from prefect.events.worker import (
        EventsWorker,
        ProcessPoolForwardingEventsClient,
        emit_events_to_cloud,
    )

    if is_embedded() or emit_events_to_cloud():
        yield
        return
    # Prefect's own choice, to which it returns afterwards. What is made first is drained last when the process ends.
    sender = EventsWorker.instance(PrefectEventsClient)
    # In an empty context: what events relate to has been added once already.
    merger = EventMerger(lambda event: Context().run(sender.send, event))
    EventsWorker.set_client_override(ProcessPoolForwardingEventsClient, event_queue=merger)
    try:
        yield
    finally:
        receiver = EventsWorker.instance()
        EventsWorker.set_client_override(None)
        receiver.drain()
        merger.send_all()


def _state_of_task_run(event: Event) -> str | None:
    """Return the type of the state that the event tells the server to record; None for any other event."""
    is_recorded = (
        event.event.startswith("prefect.task-run.")
        and event.resource.get("prefect.orchestration") == "client"
    )
    return event.resource.get("prefect.state-type") if is_recorded else None


def _in_this_loop(seconds: float, call: Callable[[], None]) -> Cancel:
    return asyncio.get_running_loop().call_later(seconds, call).cancel
