"""The monitor: no answer of Northflank, and no lack of one, harms a run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

import httpx
import pytest
from prefect.client.schemas.objects import StateType
from prefect_northflank.api.responses import Project
from prefect_northflank.intervals import Intervals
from prefect_northflank.records.flow_runs import FlowRunRecord
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.watch.monitor import Monitor
from prefect_northflank.watch.watched_run import WatchOutcome

P = Project(id="demo")
PID = InfrastructurePid(project=P, job="j", run="r1")
FLOW_RUN = UUID(int=1)
RUNNING = {"id": "r1", "status": "RUNNING", "concluded": False}


class OneRecord:
    """Prefect's record of one flow run."""

    def __init__(self) -> None:
        self.state = StateType.RUNNING

    async def read(self, flow_run_ids):
        record = FlowRunRecord(state=self.state, state_name="", pid=str(PID), began=True)
        return dict.fromkeys(flow_run_ids, record)


@pytest.fixture
def prefect():
    return OneRecord()


@pytest.fixture
def watched(client, wire, time, prefect):
    """Watch one run for some rounds; return its ending, if it came to one, and what was told."""

    def watched(answer: Callable[[httpx.Request], httpx.Response], *, rounds: int = 100):
        async def scenario():
            wire.answer = answer
            monitor = Monitor(
                client=client,
                records=prefect,
                project=P,
                intervals=Intervals(),
                logger=logging.getLogger("test"),
                clock=time,
            )
            told: list[str] = []
            watch = monitor.add(FLOW_RUN, PID, pending_timeout=None, report_waiting=told.append)
            for _ in range(rounds):
                await monitor.read_states()
                await monitor.poll_due()
                time.now += 15
            return watch.done.result() if watch.done.done() else None, told

        return asyncio.run(scenario())

    return watched


def always(status: int, body: object) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, json=body)


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
def test_no_error_of_the_api_ends_a_watch(watched, status):
    ending, _ = watched(always(status, {"error": {"message": "no"}}))

    assert ending is None


def test_no_dropped_connection_ends_a_watch(watched):
    def drop(_):
        raise httpx.ReadError("dropped")

    assert watched(drop)[0] is None


def test_an_unknown_status_does_not_end_a_watch(watched):
    assert watched(always(200, {"data": {"id": "r1", "status": "ABORTED"}}))[0] is None


def test_a_run_that_is_concluded_has_ended_whatever_its_status(watched):
    aborted = {"id": "r1", "status": "ABORTED", "concluded": True}

    assert watched(always(200, {"data": aborted}))[0].outcome is WatchOutcome.DIED


@pytest.mark.parametrize("status", [401, 403, 503])
def test_what_keeps_the_monitor_from_looking_is_said_once(watched, caplog, status):
    watched(always(status, {"error": {"message": "no"}}), rounds=30)

    (said,) = [it.getMessage() for it in caplog.records]
    assert said.startswith("Could not look at job runs in demo: GET /v1/projects/demo/jobs/j/runs")


def test_that_the_monitor_can_look_again_is_said_once(watched, caplog, wire):
    caplog.set_level(logging.INFO)
    answers = iter([502, 502, 502])

    def answer(_):
        status = next(answers, None)
        error = {"error": {"message": "no"}}
        return httpx.Response(status or 200, json=error if status else {"data": RUNNING})

    watched(answer, rounds=30)

    said = [it.getMessage().split(":")[0] for it in caplog.records if it.name == "test"]
    assert said == ["Could not look at job runs in demo", "Could look at job runs in demo again."]


@pytest.mark.parametrize("body", [{"data": {}}, {"data": {"id": 7}}, {"status": "maintenance"}])
def test_an_answer_that_makes_no_sense_ends_no_watch_and_brings_no_traceback(watched, caplog, body):
    assert watched(always(200, body), rounds=10)[0] is None

    assert [it.exc_info for it in caplog.records] == [None]


def test_a_project_we_may_not_see_says_nothing_of_its_runs(watched):
    assert watched(always(404, {"error": {"message": "Not found"}}))[0] is None


def test_a_run_that_is_gone_from_its_project_has_died(watched):
    def answer(request):
        if request.url.path.endswith("/projects/demo"):
            return httpx.Response(200, json={"data": {"name": "demo"}})
        return httpx.Response(404, json={"error": {"message": "Not found"}})

    ending, _ = watched(answer)
    assert (ending.outcome, ending.run) == (WatchOutcome.DIED, None)


def test_monitoring_changes_nothing_in_northflank(watched, wire):
    watched(always(200, {"data": RUNNING}))

    assert {request.method for request in wire.sent} == {"GET"}


def test_a_healthy_run_of_an_hour_costs_few_calls(watched, wire):
    watched(always(200, {"data": RUNNING}), rounds=240)

    assert len(wire.sent) < 25


def test_a_run_prefect_knows_to_be_over_costs_no_call(watched, wire, prefect):
    prefect.state = StateType.COMPLETED
    ending, _ = watched(always(200, {"data": RUNNING}))

    assert ending.outcome is WatchOutcome.FINISHED
    assert wire.sent == []


def test_what_a_container_waits_for_is_told_when_it_changes(watched, prefect):
    prefect.state = StateType.PENDING
    statuses = iter(
        [None, "TASK_STAGING", "TASK_STAGING", "TASK_STARTING"] + ["TASK_RUNNING"] * 100
    )

    def answer(request):
        if not request.url.path.endswith("/containers"):
            return httpx.Response(200, json={"data": RUNNING})
        status = next(statuses)
        containers = [{"name": "c", "status": status}] if status else []
        return httpx.Response(200, json={"data": {"containers": containers}})

    _, told = watched(answer)
    assert [words.split(":")[0] for words in told] == [
        "The job run waits for a machine with room for its plan.",
        "The container is being prepared",
        "The container is starting.",
        "The container runs; the flow run has not begun in it yet.",
    ]


@pytest.mark.parametrize("case", [(1, 30, 2), (100, 45, 0), (100, 600, 6)])
def test_a_hundred_containers_that_begin_cost_no_calls_to_explain_it(
    client, wire, time, prefect, case
):
    runs, seconds, most = case
    prefect.state = StateType.PENDING
    pids = [InfrastructurePid(project=P, job="j", run=f"r{number}") for number in range(runs)]
    listed = [{"id": pid.run, "status": "RUNNING", "concluded": False} for pid in pids]

    def answer(request):
        if request.url.path.endswith("/containers"):
            return httpx.Response(200, json={"data": {"containers": []}})
        if request.url.path.endswith("/runs"):
            return httpx.Response(200, json={"data": {"runs": listed}, "pagination": {}})
        return httpx.Response(200, json={"data": listed[0]})

    async def scenario():
        wire.answer = answer
        monitor = Monitor(
            client=client,
            records=prefect,
            project=P,
            intervals=Intervals(),
            logger=logging.getLogger("test"),
            clock=time,
        )
        for number, pid in enumerate(pids):
            monitor.add(UUID(int=number + 1), pid, pending_timeout=None)
        for _ in range(seconds // 5):
            await monitor.read_states()
            await monitor.poll_due()
            time.now += 5

    asyncio.run(scenario())

    asked = sum(request.url.path.endswith("/containers") for request in wire.sent)
    assert asked <= most
    assert len(wire.sent) - asked <= 20


def test_a_northflank_that_does_not_answer_keeps_no_end_from_being_seen(client, wire, prefect):
    """Looks may hang for as long as the network does; what Prefect says is heard all the same."""

    async def scenario():
        hanging = asyncio.Event()

        async def run(*_, **__):
            hanging.set()
            await asyncio.Event().wait()

        client.run = run
        monitor = Monitor(
            client=client,
            records=prefect,
            project=P,
            intervals=Intervals(poll_seconds=0.01, first_look_seconds=0),
            logger=logging.getLogger("test"),
        )
        watching = asyncio.create_task(monitor.watch(FLOW_RUN, PID, pending_timeout=None))
        await hanging.wait()
        prefect.state = StateType.COMPLETED
        ending = await watching
        await monitor.close()
        return ending.outcome

    assert asyncio.run(scenario()) is WatchOutcome.FINISHED
