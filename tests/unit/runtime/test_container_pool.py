"""What becomes of tasks whose containers cannot be asked for, watched, or settled."""

from __future__ import annotations

import json
import queue
import threading
import uuid
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES
from prefect.settings.context import temporary_settings

from metaflow_prefect.runtime.flow.dispatcher import Frame, Launch, TaskPlace
from metaflow_prefect.runtime.flow.graph import Container, Next, Step
from metaflow_prefect.runtime.step_containers import container_pool
from metaflow_prefect.runtime.step_containers.child_runs import ChildRuns, Source
from metaflow_prefect.runtime.step_containers.container_pool import ContainerPool, TaskEnded
from metaflow_prefect.runtime.step_containers.server_failures import Failures, is_away, is_refusal
from metaflow_prefect.runtime.store.datastore import RunDatastore

DEPLOYMENT = {"id": str(uuid.uuid4()), "name": "default", "flow_id": str(uuid.uuid4())}
NODE = {
    "id": str(uuid.uuid4()),
    "flow_run_id": str(uuid.uuid4()),
    "task_key": "train",
    "dynamic_key": "0",
}
CHILD = {"id": str(uuid.uuid4()), "flow_id": DEPLOYMENT["flow_id"], "name": "a train[0-2]"}
ENDED = {**CHILD, "state": {"type": "COMPLETED", "name": "Completed"}}


@dataclass(frozen=True)
class ParentRun:
    """What the containers' side reads of the flow run that asks for them."""

    id: uuid.UUID
    name: str


PARENT = ParentRun(uuid.UUID(NODE["flow_run_id"]), "a")


@pytest.fixture
def server():
    """A Prefect server that answers as `answers` says: a status and a body for the end of a path."""
    answers = {
        "/default": (200, DEPLOYMENT),
        "/task_runs/": (201, NODE),
        "/create_flow_run": (201, CHILD),
        "/flow_runs/filter": (200, [CHILD]),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("content-length") or 0))
            found = (it for end, it in answers.items() if self.path.endswith(end))
            status, body = next(found, (404, {"detail": self.path}))
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST  # noqa: N815  http.server's name

        def log_message(self, *_):
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{listening.server_port}/api"
    with temporary_settings({PREFECT_API_URL: address, PREFECT_CLIENT_MAX_RETRIES: 0}):
        yield answers
    listening.shutdown()
    listening.server_close()


@pytest.fixture
def news():
    return queue.SimpleQueue()


@pytest.fixture
def pool(server, news, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(container_pool, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(container_pool, "_LONGEST_LOOK_SECONDS", 0.02)
    step = Step(PrefectTask(), Next("join"), container=Container(tasks=3))
    made = ContainerPool(
        flow_steps={"train": step},
        datastore=RunDatastore("TrainFlow", "prefect-1", "local", str(tmp_path / ".metaflow")),
        children=ChildRuns(PARENT, {"train": Source(deployment="TrainFlow-steps/default")}),
        parameters=lambda _: {},
        nodes=lambda _: (),
        report=news.put,
        say=lambda _: None,
        has_earlier=False,
    )
    yield made
    made.stop(is_cancelled=False)


@dataclass
class PrefectTask:
    """What the runtime reads of a Prefect task."""

    name: str = "train"
    retries: int = 0
    retry_delay_seconds: float = 0


def errors_of_the_tasks(pool, news):
    launches = [
        Launch(TaskPlace("train", (Frame(index, 3),)), ("prefect-1/start/t",), split_index=index)
        for index in range(3)
    ]
    pool.add(pool.flow_steps["train"], launches)
    found = [news.get(timeout=20) for _ in launches]
    assert all(isinstance(it, TaskEnded) and it.record is None for it in found)
    return {it.label: str(it.error) for it in found}


@pytest.mark.parametrize("status", [401, 403, 422])
def test_tasks_whose_container_the_server_refuses_fail_at_once(server, pool, news, status):
    server["/create_flow_run"] = (status, {"detail": "no"})

    errors = errors_of_the_tasks(pool, news)

    assert sorted(errors) == ["train[0]", "train[1]", "train[2]"]
    assert all("Prefect refused its container" in it for it in errors.values())


def test_tasks_of_a_container_that_may_not_be_watched_fail(server, pool, news):
    server["/flow_runs/filter"] = (403, {"detail": "not yours"})

    errors = errors_of_the_tasks(pool, news)

    assert all("403" in it for it in errors.values())


def test_tasks_whose_results_cannot_be_read_fail_with_the_reason(server, pool, news, tmp_path):
    server["/flow_runs/filter"] = (200, [ENDED])
    for index in range(3):
        place = TaskPlace("train", (Frame(index, 3),))
        task = pool.datastore.of_flow().get_task_datastore(
            "prefect-1", "train", place.task_id, attempt=0, mode="w"
        )
        task.init_task()
        task.save_artifacts([("_task_ok", True), ("_transition", (["join"], None))])
        task.done()
    for file in tmp_path.glob(".metaflow/TrainFlow/prefect-1/train/*/0.data.json"):
        file.write_text("not JSON any more")

    errors = errors_of_the_tasks(pool, news)

    assert all("what its container has done can't be known" in it for it in errors.values())


def test_a_server_that_is_away_is_asked_again_as_long_as_it_takes(server, pool, news):
    server["/flow_runs/filter"] = (503, {"detail": "later"})
    waiting = threading.Timer(2, lambda: server.update({"/flow_runs/filter": (200, [ENDED])}))
    waiting.start()

    errors = errors_of_the_tasks(pool, news)

    assert all("Its container has left no result" in it for it in errors.values())


def test_only_what_is_answered_counts_as_a_failure():
    failures = Failures()

    assert not any(failures.is_hopeless("look", ConnectionError()) for _ in range(100))
    tries = [failures.is_hopeless("look", ValueError()) for _ in range(5)]
    assert tries == [False, False, False, False, True]
    failures.passed("look")
    assert not failures.is_hopeless("look", ValueError())
    assert is_away(TimeoutError())
    assert not is_refusal(ValueError())
