"""Posts artifacts to Prefect in a separate thread, so that tasks never wait for it."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

_LAST_POSTS_SECONDS = 30.0
"""The longest time that the end of a run waits for artifacts that are still to be posted."""

_END = None

MakeArtifact = Callable[[], Mapping[str, object]]
"""Makes the body of Prefect's `POST /artifacts/`; called in the posting thread, so that it may read files."""


class ArtifactQueue:
    """A queue of artifacts, posted in order; *complain* is called once, when Prefect refuses one."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._has_complained = False
        self._waiting: queue.SimpleQueue[MakeArtifact | None] = queue.SimpleQueue()
        # For Prefect's settings and client, which belong to the context of the flow run.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=lambda: context.run(self._run), name="artifacts", daemon=True
        )

    def post(self, make: MakeArtifact) -> None:
        """Queue *make*, which is called when its turn comes; return at once."""
        self._waiting.put(make)

    @contextmanager
    def posting(self) -> Iterator[None]:
        """Post while the block runs, and what is left after it."""
        self._thread.start()
        try:
            yield
        finally:
            self._waiting.put(_END)
            self._thread.join(_LAST_POSTS_SECONDS)
            if self._thread.is_alive():
                self._say(f"it took longer than {_LAST_POSTS_SECONDS:.0f} s")

    def _run(self) -> None:
        from prefect.client.orchestration import get_client

        try:
            with get_client(sync_client=True) as client:
                while (make := self._waiting.get()) is not _END:
                    self._post(client, make)
        except Exception as error:  # noqa: BLE001  a thread's boundary; what people see never decides what a run does
            self._say(str(error))

    def _post(self, client: object, make: MakeArtifact) -> None:
        try:
            client.request("POST", "/artifacts/", json=make())  # type: ignore[attr-defined]  # Prefect's sync client
        except Exception as error:  # noqa: BLE001  as above; the next one may be accepted
            self._say(str(error))

    def _say(self, why: str) -> None:
        if not self._has_complained:
            self._has_complained = True
            self._complain(f"Some tasks' artifacts could not be posted to Prefect: {why}")
