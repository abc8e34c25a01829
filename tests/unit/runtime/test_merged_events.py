"""A task run that ends soon is one event in runs of many tasks; whatever else happens is told as ever."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from prefect.events import Event

from metaflow_prefect.runtime.run.merged_events import (
    HELD_SECONDS,
    SHOWN_STATE_BY_STATE,
    EventMerger,
)
from tests.support.waiting import wait_until

PENDING, RUNNING, COMPLETED = "PENDING", "RUNNING", "COMPLETED"


@dataclass
class Server:
    """What was sent, and the timers of a merger whose time is *now*."""

    sent: list[Event] = field(default_factory=list)
    now: float = 0.0
    timers: dict[int, tuple[float, object]] = field(default_factory=dict)

    def later(self, seconds, call):
        number = len(self.timers)
        self.timers[number] = (self.now + seconds, call)
        return lambda: self.timers.update({number: (0.0, lambda: None)})

    def pass_time(self, seconds):
        self.now += seconds
        for number, (due, call) in list(self.timers.items()):
            if due <= self.now:
                self.timers[number] = (float("inf"), None)
                call()

    def told_of(self, name):
        return [
            event.resource["prefect.state-type"]
            for event in self.sent
            if event.resource.get("prefect.resource.name") == name
        ]


class TaskRun:
    """A task run as Prefect's engine tells of it."""

    def __init__(self, name, merger):
        self.name, self.merger, self.run_count, self.last = name, merger, 0, None

    def becomes(self, *states):
        for state in states:
            self.run_count += state == RUNNING
            event = Event(
                event=f"prefect.task-run.{state.title()}",
                resource={
                    "prefect.resource.id": f"prefect.task-run.{self.name}",
                    "prefect.resource.name": self.name,
                    "prefect.run-count": str(self.run_count),
                    "prefect.state-type": state,
                    "prefect.orchestration": "client",
                },
                follows=self.last,
            )
            self.last = event.id
            self.merger.put(("event", event))
        return self


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def wide(server):
    """A merger that has seen enough task runs to merge the events of further ones."""
    merger = EventMerger(server.sent.append, server.later)
    for number in range(SHOWN_STATE_BY_STATE):
        TaskRun(f"first-{number}", merger).becomes(PENDING, RUNNING, COMPLETED)
    return merger


def test_each_state_of_the_first_task_runs_is_sent(server, wide):
    assert server.told_of("first-0") == [PENDING, RUNNING, COMPLETED]
    assert len(server.sent) == 3 * SHOWN_STATE_BY_STATE


def test_a_thousand_more_task_runs_are_a_thousand_events(server, wide):
    before = len(server.sent)
    for number in range(1000):
        TaskRun(f"run-{number}", wide).becomes(PENDING, RUNNING, COMPLETED)
    wide.send_all()

    assert len(server.sent) == before + 1000


def test_no_event_follows_one_that_is_not_sent(server, wide):
    for number in range(5):
        TaskRun(f"short-{number}", wide).becomes(PENDING, RUNNING, COMPLETED)
    long = TaskRun("long", wide).becomes(PENDING, RUNNING)
    server.pass_time(HELD_SECONDS)
    long.becomes(COMPLETED)

    known = {event.id for event in server.sent} | {None}
    assert {event.follows for event in server.sent} <= known


def test_a_task_run_that_lasts_is_told_state_by_state(server, wide):
    run = TaskRun("long", wide).becomes(PENDING, RUNNING)
    assert server.told_of("long") == []
    server.pass_time(HELD_SECONDS)
    assert server.told_of("long") == [PENDING, RUNNING]
    run.becomes(COMPLETED)

    assert server.told_of("long") == [PENDING, RUNNING, COMPLETED]


@pytest.mark.parametrize("end", ["FAILED", "CRASHED", "CANCELLED"])
def test_a_task_run_that_does_not_succeed_keeps_its_history(server, wide, end):
    TaskRun("bad", wide).becomes(PENDING, RUNNING, end)

    assert server.told_of("bad") == [PENDING, RUNNING, end]


def test_a_task_run_that_is_tried_again_keeps_its_history(server, wide):
    states = [PENDING, RUNNING, "SCHEDULED", RUNNING, COMPLETED]
    TaskRun("again", wide).becomes(*states)

    assert server.told_of("again") == states


def test_what_is_held_at_the_end_is_sent_once(server, wide):
    TaskRun("cut off", wide).becomes(PENDING, RUNNING)
    wide.send_all()
    server.pass_time(HELD_SECONDS)

    assert server.told_of("cut off") == [PENDING, RUNNING]


def test_events_that_are_of_no_task_run_are_sent_at_once(server, wide):
    told = Event(event="metaflow.flow.end", resource={"prefect.resource.id": "metaflow.task.1"})
    wide.put(("event", told))

    assert server.sent[-1] is told


WIDE = """
import sys
import time
from prefect import flow, task
from prefect.runtime import task_run
from prefect.task_runners import ThreadPoolTaskRunner
from metaflow_prefect.runtime.run.merged_events import HELD_SECONDS, merging

WIDTH = int(sys.argv[1])

@task(task_run_name="run-{number}", retries=1, retry_condition_fn=lambda _, run, state: run.name == f"run-{WIDTH - 2}")
def one(number):
    if number == WIDTH - 1:
        time.sleep(HELD_SECONDS + 1)
    if number == WIDTH - 2 and task_run.run_count == 1:
        raise ValueError("the first attempt fails")
    if number == WIDTH - 3:
        raise ValueError("it fails")

@flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
def wide():
    with merging():
        for future in [one.submit(number) for number in range(WIDTH)]:
            future.wait()

wide()
"""


@pytest.mark.slow
def test_a_server_records_merged_task_runs_as_completely_as_others(prefect_server, tmp_path):
    width = SHOWN_STATE_BY_STATE + 60
    (tmp_path / "wide.py").write_text(WIDE)
    subprocess.run(
        [sys.executable, "wide.py", str(width)],
        cwd=tmp_path,
        env={**os.environ, **prefect_server.environment, "PYTHONPATH": str(Path.cwd())},
        check=False,
        capture_output=True,
    )

    def ask(path, body):
        return httpx.post(f"{prefect_server.url}/{path}", json=body, timeout=60).json()

    in_flow = {"flows": {"name": {"any_": ["wide"]}}}
    wait_until(
        lambda: ask("task_runs/count", in_flow | _in_states(COMPLETED, "FAILED")) == width,
        "all task runs are recorded",
    )
    runs = ask("task_runs/filter", {**in_flow, "limit": 200})
    ended = Counter(run["state_type"] for run in runs)
    assert ended == {COMPLETED: width - 1, "FAILED": 1}
    for run in runs:
        assert run["run_count"] == (2 if run["name"] == f"run-{width - 2}" else 1)
        assert run["start_time"] <= run["end_time"]
        assert run["expected_start_time"] <= run["start_time"]
        assert run["total_run_time"] > 0
        assert run["state"]["state_details"]["task_run_id"] == run["id"]

    def states_of(name):
        (run,) = (run for run in runs if run["name"] == name)
        found = httpx.get(
            f"{prefect_server.url}/task_run_states/", params={"task_run_id": run["id"]}
        ).json()
        return [state["type"] for state in sorted(found, key=lambda it: it["timestamp"])]

    assert states_of("run-0") == [PENDING, RUNNING, COMPLETED]
    merged = [run for run in runs if states_of(run["name"]) == [COMPLETED]]
    assert len(merged) > (width - SHOWN_STATE_BY_STATE) / 2
    assert states_of(f"run-{width - 3}") == [PENDING, RUNNING, "FAILED"]
    assert states_of(f"run-{width - 2}") == [PENDING, RUNNING, RUNNING, COMPLETED]
    assert states_of(f"run-{width - 1}") == [PENDING, RUNNING, COMPLETED]


def _in_states(*types):
    return {"task_runs": {"state": {"type": {"any_": list(types)}}}}
