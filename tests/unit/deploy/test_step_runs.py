"""The containers of a run's steps, as `status` and `logs` show them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from uuid import uuid4

from prefect.client.schemas.objects import FlowRun, State, StateType

from metaflow_prefect.deploy.runs import step_runs
from metaflow_prefect.deploy.runs.runs import RunRecord
from metaflow_prefect.runtime.progress.cost import Rate
from metaflow_prefect.runtime.progress.run_result import status

RUN = RunRecord(
    id=str(uuid4()), name="grey-owl", flow_name="F", deployment_id="2", url=None,
    status=status("RUNNING", "Running"), state="Running", message="", due=None, is_planned=False,
    start=None, end=None,
)  # fmt: skip

NOW = datetime.now(timezone.utc)
PRICED = {
    "METAFLOW_PREFECT_CONTAINER_PLAN": "nf-compute-400-16",
    "METAFLOW_PREFECT_CONTAINER_DOLLARS_PER_HOUR": "0.2",
}


def child(tasks, kind, name=None, **more):
    return FlowRun(
        **more,
        flow_id=uuid4(),
        name=f"grey-owl {tasks}",
        state=None if kind is None else State(type=StateType(kind), name=name),
    )


class Server:
    """Prefect's client, as far as it is asked for flow runs and log lines."""

    def __init__(self, *flow_runs, lines=()):
        self.flow_runs = flow_runs
        self.lines = lines
        self.asked = []

    def read_flow_runs(self, *, offset=0, **about):
        self.asked.append(about["flow_run_filter"].parent_flow_run_id.any_)
        return list(self.flow_runs) if offset == 0 else []

    def read_logs(self, **about):
        self.asked.append(about["log_filter"].flow_run_id.any_)
        return [SimpleNamespace(message=line) for line in self.lines[:1]]


def test_the_containers_of_a_run_are_named_by_their_tasks_and_sorted():
    server = Server(
        child("train[2-3]", "RUNNING"),
        child("join", "SCHEDULED", "Late"),
        child("train[0-1]", "COMPLETED"),
        child("end", None),
    )

    found = step_runs.listed(server, RUN)

    assert [str(item) for item in found] == [
        "end  unknown", "join  Late", "train[0-1]  Completed", "train[2-3]  Running",
    ]  # fmt: skip
    assert [(item.is_final, item.is_running) for item in found] == [
        (False, False), (False, False), (True, False), (False, True),
    ]  # fmt: skip
    assert [str(parent) for parent in server.asked[0]] == [RUN.id]


def test_a_container_that_has_not_begun_waits_for_what_its_worker_said_last():
    server = Server(
        child("train[0-1]", "RUNNING"),
        child("train[2-3]", "PENDING"),
        child("join", "CANCELLED"),
        lines=["Northflank has no capacity for plan nf-gpu-h100-80-1g."],
    )

    item = next(
        it for it in step_runs.explained(server, step_runs.listed(server, RUN)) if it.is_waiting
    )

    assert str(item) == (
        "train[2-3]  Pending: Northflank has no capacity for plan nf-gpu-h100-80-1g."
    )
    assert item.summary() == {
        "tasks": "train[2-3]",
        "flow_run": item.id,
        "state": "Pending",
        "waits_for": "Northflank has no capacity for plan nf-gpu-h100-80-1g.",
        "cost": None,
        "used": None,
    }


def test_a_container_of_which_no_worker_has_spoken_waits_for_a_worker():
    server = Server(child("join", "SCHEDULED", "Late"))

    (item,) = step_runs.explained(server, step_runs.listed(server, RUN))

    assert str(item) == "join  Late: no worker of its pool has picked it up yet"


def test_of_many_containers_that_wait_only_some_are_asked_about():
    server = Server(*(child(f"train[{number}]", "SCHEDULED") for number in range(50)))

    found = step_runs.explained(server, step_runs.listed(server, RUN))

    assert len(found) == 50
    assert len(server.asked) == 1 + 20
    assert [bool(item.waits_for) for item in found] == [True] * 20 + [False] * 30


def test_the_cost_of_a_container_is_its_own_price_times_its_own_time():
    own = {"job_variables": {"env": PRICED}, "labels": {"container.memory_mb": 812.0}}
    server = Server(
        child("train[0]", "COMPLETED", estimated_run_time=timedelta(seconds=1800), **own),
        child("train[1]", "COMPLETED", estimated_run_time=timedelta(seconds=900), **own),
        child("join", "SCHEDULED"),
    )

    found = step_runs.listed(server, RUN)

    assert [item.summary()["cost"] and item.summary()["cost"]["dollars"] for item in found] == [
        None, 0.1, 0.05,
    ]  # fmt: skip
    priced = replace(RUN, rate=Rate(plan="p", dollars_per_hour=0.1), seconds=3600, start=NOW)
    plan = "plan nf-compute-400-16, $0.2 an hour"
    assert step_runs.costs_in_words(priced, found) == (
        f"train[0]  about $0.10 ({plan}, 30m 00s)",
        f"train[1]  about $0.05 ({plan}, 15m 00s)",
        "about $0.15 for 2 containers of steps, about $0.25 in all",
    )
    assert step_runs.costs_in_words(RUN, found)[-1] == "about $0.15 for 2 containers of steps"
    assert step_runs.costs_in_words(priced, found[:1]) == ()
    told = step_runs.summary(priced, found)
    assert told["total_cost"] == {"dollars": 0.25, "containers": 3}
    assert [item["cost"] and item["cost"]["seconds"] for item in told["containers"]] == [
        None,
        1800,
        900,
    ]
    assert step_runs.summary(RUN, ())["total_cost"] is None


def test_of_many_containers_people_are_told_some_and_the_sum_of_all():
    own = {"job_variables": {"env": PRICED}, "estimated_run_time": timedelta(seconds=180)}
    server = Server(*(child(f"train[{number:02}]", "COMPLETED", **own) for number in range(30)))

    *lines, rest, together = step_runs.costs_in_words(RUN, step_runs.listed(server, RUN))

    assert (len(lines), rest) == (20, "and 10 more; --json lists all")
    assert together == "about $0.30 for 30 containers of steps"


def test_the_containers_of_many_runs_are_asked_for_together():
    other = replace(RUN, id=str(uuid4()))
    server = Server(
        child("train[0]", "COMPLETED", idempotency_key=f"{RUN.id}/train/0"),
        child("join", "COMPLETED", idempotency_key=f"{other.id}/join/0"),
        child("end", "COMPLETED", idempotency_key=None),
    )

    found = step_runs.of_runs(server, [RUN, other])

    assert {id_: [it.tasks for it in of] for id_, of in found.items()} == {
        RUN.id: ["train[0]"], other.id: ["join"],
    }  # fmt: skip
    assert [[str(id_) for id_ in asked] for asked in server.asked] == [[RUN.id, other.id]]
