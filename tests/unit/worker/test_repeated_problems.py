"""What a loop of the worker meets again and again is said once, and does not end the loop."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta, timezone
from functools import partial
from uuid import UUID, uuid4

import anyio
import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType, WorkPool
from prefect.exceptions import Abort, Pause
from prefect.settings import (
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)
from prefect_northflank import NorthflankJobConfiguration, NorthflankWorker
from prefect_northflank.accounts import Accounts
from prefect_northflank.api.responses import Project
from prefect_northflank.errors import TakenOver, error_for
from prefect_northflank.intervals import Intervals
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.records.prefect_retry import harden_client
from prefect_northflank.records.repeated_problems import RepeatedProblems
from prefect_northflank.recovery.orphan_recovery import OrphanRecovery

FLOW_RUN = FlowRun(id=UUID(int=1), flow_id=UUID(int=2), name="amber-bat")
ANSWERS = {
    "401": httpx.Response(401, json={"detail": "no"}),
    "403": httpx.Response(403),
    "404 of a proxy": httpx.Response(404, text="<html>"),
    "302": httpx.Response(302, headers={"location": "/login"}),
    "422": httpx.Response(422, json={}),
    "500": httpx.Response(500),
    "a page": httpx.Response(200, text="<html>"),
    "cut off": httpx.Response(200, text='[{"id": "07db'),
    "another shape": httpx.Response(200, json={"status": "maintenance"}),
    "a number": httpx.Response(200, json=7),
    "nested without end": httpx.Response(200, text="[" * 100_000),
    "another encoding": httpx.DecodingError("Error -3 while decompressing data"),
    "no connection": httpx.ConnectError("refused"),
}


def of_a_worker(answer, scenario):
    """Run *scenario* with a worker that is set up, on a Prefect that gives this answer to everything."""

    def prefect(_request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    async def run():
        settings = {"transport": httpx.MockTransport(prefect)}
        async with (
            PrefectClient("http://prefect.test/api", httpx_settings=settings) as client,
            anyio.create_task_group() as tasks,
        ):
            worker = NorthflankWorker(work_pool_name="nf")
            harden_client(client, logging.getLogger("test"))
            worker._client, worker._runs_task_group = client, tasks  # noqa: SLF001  what `setup` would open
            worker.is_setup = worker._has_successfully_synced = True  # noqa: SLF001  as after a first heartbeat
            await scenario(worker)

    given = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_LOGGING_TO_API_ENABLED: False}
    with temporary_settings(given):
        asyncio.run(run())


@pytest.mark.parametrize("answer", ANSWERS)
def test_no_answer_of_prefect_ends_a_loop_or_a_task_of_the_worker(answer, caplog):
    """Whatever leaves one of these ends Prefect's base worker, with all its flow runs."""

    async def scenario(worker: NorthflankWorker) -> None:
        for _ in range(2):
            assert await worker.get_and_submit_flow_runs() == []
            await worker._sync_and_initialize()  # noqa: SLF001  what Prefect's loop calls
            await worker._cancel_run(uuid4())  # noqa: SLF001  what Prefect's observer starts
        worker._offered = frozenset({FLOW_RUN.id})  # noqa: SLF001  offered
        worker._submitting_flow_run_ids.add(FLOW_RUN.id)  # noqa: SLF001  as the base worker does
        await worker._submit_run(FLOW_RUN)  # noqa: SLF001  what the base worker starts
        assert worker._submitting_flow_run_ids == set()  # noqa: SLF001  it can be offered again

    of_a_worker(ANSWERS[answer], scenario)

    said = [
        it.getMessage().split(":")[0]
        for it in caplog.records
        if "prefect_northflank" in it.pathname
    ]
    # A 404 is Prefect's word for a pool, or a flow run, that is not there.
    assert len(said) == len(set(said)) <= 4
    assert "Could not send Prefect a heartbeat" in said or answer == "404 of a proxy"


@pytest.mark.parametrize(
    "answer", ["401", "422", "a page", "cut off", "another shape", "nested without end"]
)
def test_no_answer_of_prefect_to_what_could_not_be_started_ends_the_worker(answer, no_waiting):
    async def scenario(worker: NorthflankWorker) -> None:
        await worker._propose_pending_state(FLOW_RUN)  # noqa: SLF001  Prefect's hook
        await worker._propose_crashed_state(FLOW_RUN, "no block")  # noqa: SLF001  as above

    of_a_worker(ANSWERS[answer], scenario)


@pytest.mark.parametrize("answer", ["401", "a page", "another shape"])
def test_a_watch_that_prefect_does_not_let_begin_ends_in_a_line(answer, no_waiting, caplog):
    """An HTTP client's traceback in the flow's log tells people nothing."""
    pid = InfrastructurePid(project=Project(id="demo"), job="j", run="r1")

    async def scenario(worker: NorthflankWorker) -> None:
        worker._work_pool = WorkPool(name="nf", type="northflank", default_queue_id=uuid4())  # noqa: SLF001  as the first heartbeat
        await worker._supervise_orphan(FLOW_RUN, pid)  # noqa: SLF001  what the recovery starts

    of_a_worker(ANSWERS[answer], scenario)

    (lost,) = [it for it in caplog.records if "Lost sight of job run r1: " in it.getMessage()]
    assert not lost.exc_info


class TwoUnwatched:
    """Prefect's records of two flow runs of a worker that is gone."""

    def __init__(self, state: StateType) -> None:
        self.state = state

    async def covered_state(self, _):
        return None

    async def unfinished(self):
        found = State(type=self.state, timestamp=datetime.now(timezone.utc) - timedelta(hours=1))
        intent = "-:demo:etl-0123abcd:"
        return [
            FlowRun(id=UUID(int=it), flow_id=UUID(int=9), state=found, infrastructure_pid=intent)
            for it in (1, 2)
        ]

    async def online_workers(self):
        return ()

    async def latest(self):
        return ()

    async def deployments(self):
        return ()


class Worker:
    """A worker as the recovery sees it."""

    name = "me"
    accounts = Accounts(intervals=Intervals(), logger=logging.getLogger("test"))

    def __init__(self, *, room: bool, configuration_of) -> None:
        self.room = room
        self.configuration_of = configuration_of

    def flow_runs_in_hand(self):
        return ()

    def has_room(self) -> bool:
        return self.room

    async def label(self, _):
        pytest.fail("it labels a flow run")

    def watch_orphan(self, _flow_run, _pid):
        pytest.fail("it watches a flow run")

    def start_orphan(self, _flow_run, _basis):
        pytest.fail("it starts a flow run")


def test_what_prevents_the_recovery_of_a_flow_run_is_one_line_for_each(caplog):
    async def down(_):
        raise error_for(status=502, method="GET", path="/jobs", message="Bad Gateway")

    worker = Worker(room=True, configuration_of=down)
    at_once = Intervals(adopt_seconds=0.001)
    recovery = OrphanRecovery(
        worker,
        records=TwoUnwatched(StateType.RUNNING),
        intervals=at_once,
        logger=logging.getLogger("test"),
    )

    async def scenario() -> None:
        for _ in range(3):
            await recovery.round()
            await asyncio.sleep(0.01)

    asyncio.run(scenario())

    assert len(caplog.records) == 2
    assert not any(it.exc_info for it in caplog.records)


def test_a_worker_without_room_spends_no_call_on_flow_runs_that_it_cannot_start(caplog):
    """They may be hundreds, round after round."""
    worker = Worker(room=False, configuration_of=pytest.fail)
    records = TwoUnwatched(StateType.PENDING)

    asyncio.run(
        OrphanRecovery(
            worker, records=records, intervals=Intervals(), logger=logging.getLogger("test")
        ).round()
    )

    assert caplog.records == []


def test_a_flow_run_left_to_another_worker_after_its_start_is_reported_once(monkeypatch):
    """Prefect's base worker would take the second report for a lost connection, and log a traceback."""

    async def started_and_lost(_flow_run, _configuration, task_status):
        task_status.started("pid")
        raise TakenOver(job="j")

    async def scenario(worker: NorthflankWorker) -> None:
        monkeypatch.setattr(worker, "_run", started_and_lost)
        assert worker._runs_task_group is not None  # noqa: SLF001  set above
        run = partial(worker.run, FLOW_RUN, NorthflankJobConfiguration())
        assert await worker._runs_task_group.start(lambda *, task_status: run(task_status)) == "pid"  # noqa: SLF001

    of_a_worker(ANSWERS["401"], scenario)


@pytest.mark.parametrize("answer", ["a page", "cut off", "another shape", "another encoding"])
def test_a_worker_that_meets_nonsense_at_its_start_waits_for_prefect(answer):
    async def scenario(worker: NorthflankWorker) -> None:
        worker.is_setup = False
        await worker._sync_and_initialize()  # noqa: SLF001  what `setup` calls

    of_a_worker(ANSWERS[answer], scenario)


def test_a_key_that_prefect_refuses_at_the_start_is_the_end():
    async def scenario(worker: NorthflankWorker) -> None:
        worker.is_setup = False
        with pytest.raises(httpx.HTTPStatusError, match="401"):
            await worker._sync_and_initialize()  # noqa: SLF001  what `setup` calls

    of_a_worker(ANSWERS["401"], scenario)


@pytest.mark.parametrize("error", [ValueError("odd"), Abort("no"), Pause("paused"), KeyError("id")])
def test_an_error_said_once_is_said_again_after_it_has_passed(error, caplog):
    caplog.set_level(logging.INFO)
    problems = RepeatedProblems(logging.getLogger("test"))

    for trouble in (error, error, None, None, error):
        with problems.survive("count"):
            if trouble is not None:
                raise trouble

    said = [it.getMessage().split(":")[0] for it in caplog.records]
    assert said == ["Could not count", "Could count again.", "Could not count"]


def test_the_same_trouble_with_another_job_of_northflank_is_no_news(caplog):
    problems = RepeatedProblems(logging.getLogger("test"))

    for job in ("a", "b", "c"):
        problems.report(
            "look", error_for(status=502, method="GET", path=f"/jobs/{job}", message="x")
        )

    assert len(caplog.records) == 1


def test_only_what_may_be_a_fault_of_ours_is_said_with_a_traceback(caplog):
    problems = RepeatedProblems(logging.getLogger("test"))

    problems.report("ask", httpx.ReadTimeout("slow"))
    problems.report("ask", ZeroDivisionError("division by zero"))

    assert [it.exc_info is not None for it in caplog.records] == [False, True]


def test_an_observer_of_cancellations_that_gave_up_is_replaced_at_the_next_heartbeat():
    worker = NorthflankWorker(work_pool_name="nf")

    class Observer:
        on_failure = None

        def __init__(self) -> None:
            self.observed: set[UUID] = set()

        def add_in_flight_flow_run_id(self, flow_run_id: UUID) -> None:
            self.observed.add(flow_run_id)

    first = Observer()
    worker._cancelling_observer = first  # noqa: SLF001  what the base worker has made
    asyncio.run(worker._setup_cancellation_observer())  # noqa: SLF001  called with each heartbeat
    assert first.on_failure is not None
    first.on_failure(set())
    assert worker._cancelling_observer is None  # noqa: SLF001  so that the base worker makes another one

    worker._submitting_flow_run_ids.add(FLOW_RUN.id)  # noqa: SLF001  one that is being submitted then
    worker._cancelling_observer = second = Observer()  # noqa: SLF001  as above
    asyncio.run(worker._setup_cancellation_observer())  # noqa: SLF001  as above
    assert second.observed == {FLOW_RUN.id}
