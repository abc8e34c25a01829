"""A run's progress is posted while it goes on, also by a server that is away for a while."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from metaflow_prefect.runtime.flow.graph import End, Step
from metaflow_prefect.runtime.progress import run_artifact_publisher
from metaflow_prefect.runtime.progress.current_progress import CurrentProgress
from metaflow_prefect.runtime.progress.model import Change, State
from metaflow_prefect.runtime.progress.run_artifact import progress_of


class Task:
    name = "start"
    retries = 0
    timeout_seconds = None


STEPS = (Step(Task(), End()),)


class Api(HTTPServer):
    """As much of Prefect's API as takes artifacts; refuses as many of them as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.refusals = 0
        self.refused = threading.Event()
        self.taken: list[dict[str, object]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api"


class Handler(BaseHTTPRequestHandler):
    server: Api

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        # 404 is how an old server says that it wants no CSRF token; the other question is its version.
        self._answer(*((404, {}) if "csrf" in self.path else (200, "3.8.8")))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.refusals:
            self.server.refusals -= 1
            self._answer(500, {})
            self.server.refused.set()
            return
        self.server.taken.append(body)
        self._answer(201, {"id": str(uuid.uuid4())})

    def do_PATCH(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with Api() as server, temporary_settings({PREFECT_API_URL: server.url}):
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_refused_post_is_said_once_and_the_next_one_has_the_runs_end(api, monkeypatch):
    monkeypatch.setattr(run_artifact_publisher, "_EVERY_SECONDS", 0.05)
    api.refusals = 3
    said: list[str] = []
    current = CurrentProgress()
    current.begin("DemoFlow", "prefect-1", STEPS)
    publishing = run_artifact_publisher.Publisher(
        current, STEPS, uuid.uuid4(), said.append, is_continued=False
    )

    with publishing.publishing():
        assert api.refused.wait(60), said
        current.record("start", Change.QUEUED)
        current.finish(State.FAILED, "why")
        while api.refusals:
            api.refused.clear()
            assert api.refused.wait(60)

    last = progress_of(str(api.taken[-1]["data"]))
    assert (last.state, last.failure) == (State.FAILED, "why")
    assert len([text for text in said if "could not be posted" in text]) == 1
