"""The process of a task follows its container through everything that a broker and a datastore can tell it."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable
from contextlib import contextmanager

import pytest
from metaflow.datastore import FlowDataStore
from metaflow.plugins import DATASTORES
from metaflow_northflank.attempt import Arrival, AttemptRecord, ContainerExit
from metaflow_northflank.container.__main__ import may_execute
from metaflow_northflank.protocol import Ask
from metaflow_northflank.task import broker_client, follow
from metaflow_northflank.task.broker_client import Broken, BrokerClient, BrokerLost
from metaflow_northflank.task.follow import Followed
from metaflow_northflank.task.outcome import Outcome

REASON = "its job was deleted in Northflank"


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Everything happens in a moment."""
    for module, name, seconds in (
        (follow, "FIRST_LOOK_SECONDS", 0.05), (follow, "LONGEST_LOOK_SECONDS", 0.05),
        (follow, "SETTLE_SECONDS", 0.1), (broker_client, "PATIENCE_SECONDS", 1.0),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, seconds)


@pytest.fixture
def record(tmp_path):
    (local,) = (it for it in DATASTORES if it.TYPE == "local")
    store = FlowDataStore("Flow", None, storage_impl=local, ds_root=str(tmp_path / "store"))
    return AttemptRecord(store, "1/start/2", 0)


@contextmanager
def broker(path, *connections: Callable[[dict, Callable[..., None]], bool]):
    """Answer each connection with the function that is its own; one that returns True hangs up."""
    left = list(connections)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            answer = left.pop(0)

            def tell(news, **details):
                self.wfile.write(json.dumps({"news": news, **details}).encode() + b"\n")

            for line in self.rfile:
                if answer(json.loads(line), tell):
                    return

    server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def followed(record, path, said=None):
    client = BrokerClient(str(path))
    client.connect()
    return Followed(
        record=record,
        broker=client,
        start={"step": "start", "task": "1/start/2/0", "command": "c", "variables": {}},
        say=(said if said is not None else []).append,
        show_log=lambda: None,
        on_started=lambda *_: None,
    )


def started(tell, **changes):
    tell("started", **{"job": "j", "run": "r", "patience": None, **changes})


def test_the_container_s_own_record_ends_the_task(record, tmp_path):
    def answer(message, tell):
        assert message["token"] == record.last_start()
        started(tell)
        record.record_exit(ContainerExit(code=3))

    with broker(tmp_path / "s", answer):
        assert followed(record, tmp_path / "s").wait() == Outcome(code=3)


def test_a_container_that_ends_without_a_word_is_explained_by_northflank(record, tmp_path):
    said = []

    def answer(message, tell):
        if message["ask"] == "start":
            started(tell)
            tell("concluded")
        if message["ask"] == "explain":
            tell("explained", reason=REASON, memory=False, lines=["last words"])

    with broker(tmp_path / "s", answer):
        ended = followed(record, tmp_path / "s", said).wait()

    assert ended == Outcome(code=1, words=f"The task's container is lost: {REASON}.")
    assert said == ["container: last words"]


@pytest.mark.parametrize("memory", [True, False])
def test_a_step_that_was_killed_is_told_of_memory_if_that_may_be_why(memory, record, tmp_path):
    def answer(message, tell):
        if message["ask"] == "start":
            started(tell)
            record.record_exit(ContainerExit(code=137))
        if message["ask"] == "explain":
            tell("explained", reason="it ran out of memory", memory=memory, lines=["noise"])

    with broker(tmp_path / "s", answer):
        ended = followed(record, tmp_path / "s").wait()

    because = ": it ran out of memory" if memory else ""
    assert ended == Outcome(code=137, words=f"The step's process was killed{because}.")


def test_a_task_whose_process_is_killed_once_its_data_is_complete_has_failed(record, tmp_path):
    """As in Metaflow's own runtime, which tries such a task again."""

    def answer(message, tell):
        if message["ask"] == "start":
            started(tell)
            record.task.init_task()
            record.task.save_artifacts([("_task_ok", True)])
            record.record_exit(ContainerExit(code=137))
            record.task.done()
        if message["ask"] == "explain":
            tell("explained", reason=REASON, memory=False, lines=[])

    with broker(tmp_path / "s", answer):
        ended = followed(record, tmp_path / "s").wait()

    assert record.succeeded()
    assert ended.code == 137


def test_a_refused_start_ends_the_task_with_the_code_that_it_says(record, tmp_path):
    def answer(_, tell):
        tell("waiting", text="patience")
        tell("refused", reason="no", code=202)

    with broker(tmp_path / "s", answer):
        assert followed(record, tmp_path / "s").wait() == Outcome(code=202, words="no")


def test_a_repeated_start_is_recorded_unless_an_earlier_one_has_begun(record, tmp_path):
    replies = []

    def answer(message, tell):
        if message["ask"] == "start":
            tell("token", token="second")
            return
        replies.append(message["ask"])
        if message["ask"] == "recorded":
            assert record.last_start() == "second"
            assert may_execute(record, "second")
            tell("token", token="third")
        else:
            started(tell)
            record.record_exit(ContainerExit(code=0))

    with broker(tmp_path / "s", answer):
        followed(record, tmp_path / "s").wait()

    assert replies == ["recorded", "begun"]
    assert record.arrival("second") is Arrival.EXECUTING


def test_a_task_attaches_to_the_broker_that_replaces_a_dead_one(record, tmp_path):
    asked = []

    def first(_, tell):
        started(tell)
        return True

    def second(message, _):
        asked.append((message["ask"], message.get("job"), message.get("run")))
        record.record_exit(ContainerExit(code=0, reason=""))

    with broker(tmp_path / "s", first, second):
        followed(record, tmp_path / "s").wait()

    assert asked == [("attach", "j", "r")]


def ask_until_it_fails(client):
    while True:
        client.ask(Ask.WAITS)


def test_the_end_of_an_earlier_connection_is_not_that_of_the_next(record, tmp_path):
    """Taken for it, the task would hang up, and the broker would end its container."""

    def first(*_):
        return True

    def second(_, tell):
        started(tell)

    with broker(tmp_path / "s", first, second):
        client = BrokerClient(str(tmp_path / "s"))
        client.connect()
        client.ask(Ask.WAITS)
        with pytest.raises(Broken):
            ask_until_it_fails(client)
        client.connect()
        client.ask(Ask.ATTACH)
        heard = [client.news(5.0), client.news(0.2)]

    assert [it and it["news"] for it in heard] == ["started", None]


def test_a_task_whose_run_is_gone_ends(record, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()

    def answer(*_):
        (folder / "s").unlink()
        return True

    with broker(folder / "s", answer), pytest.raises(BrokerLost):
        followed(record, folder / "s").wait()


def test_a_container_that_does_not_begin_in_time_is_given_up_and_executes_nothing(record, tmp_path):
    tokens = []

    def answer(message, tell):
        if message["ask"] == "start":
            tokens.append(message["token"])
            started(tell, patience=0.1)
        if message["ask"] == "explain":
            tell("explained", reason="no capacity", memory=False, lines=[])

    with broker(tmp_path / "s", answer):
        task = followed(record, tmp_path / "s")
        ended = task.wait()

    assert "did not begin in time" in ended.words
    assert task.has_given_up
    assert not may_execute(record, tokens[0])
