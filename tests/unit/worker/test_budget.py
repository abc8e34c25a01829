"""500 flow runs at once under 1,000 calls an hour, in simulated time: what is counted is calls."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.client.schemas.objects import StateType
from prefect_northflank.api.access import Access
from prefect_northflank.api.budget import Purpose, RateBudget, named_wait
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import Project
from prefect_northflank.api.retry import LongRetry
from prefect_northflank.intervals import Intervals
from prefect_northflank.job.definition import JobRequest
from prefect_northflank.records.flow_runs import FlowRunRecord
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.start.start_once import JobStarter
from prefect_northflank.watch.monitor import Monitor
from prefect_northflank.watch.watched_run import WatchOutcome

HOUR = 3600.0
LIMIT = 1000
P = Project(id="demo")


@dataclass
class World:
    """Northflank and Prefect together: flow runs that end at their time, some without a word to Prefect."""

    now: float = 0.0
    calls: list[float] = field(default_factory=list)
    refused: int = 0
    ends: dict[str, float] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    flow_run_of: dict[UUID, str] = field(default_factory=dict)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def _window(self) -> list[float]:
        window: list[float] = []
        for call in self.calls:
            if window and call - window[0] >= HOUR:
                window = []
            window.append(call)
        return window if window and self.now - window[0] < HOUR else []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        window = self._window()
        used, began = len(window), window[0] if window else self.now
        headers = {
            "x-ratelimit-limit": str(LIMIT),
            "x-ratelimit-remaining": str(max(LIMIT - used - 1, 0)),
            "x-ratelimit-reset": str(int(began + HOUR - self.now) + 1),
        }
        if used >= LIMIT:
            self.refused += 1
            return httpx.Response(429, json={"error": {"message": "slow down"}}, headers=headers)
        self.calls.append(self.now)
        return httpx.Response(200, json=self._answer(request), headers=headers)

    def _answer(self, request: httpx.Request) -> dict[str, object]:
        if request.method == "PUT":
            return {"data": {"id": "lasting", "name": "lasting"}}
        if request.method == "POST":
            run = f"run-{len(self.ends)}"
            self.ends[run] = 0.0
            return {"data": {"id": run}}
        ids = list(self.ends)
        begin = int(request.url.params.get("cursor", 0))
        pagination = {"hasNextPage": begin + 100 < len(ids), "cursor": str(begin + 100)}
        if not request.url.path.endswith("/runs"):
            return {"data": self._run(request.url.path.rsplit("/", 1)[1])}
        return {
            "data": {"runs": [self._run(it) for it in ids[begin : begin + 100]]},
            "pagination": pagination,
        }

    def _run(self, run: str) -> dict[str, object]:
        over = self.now >= self.ends[run]
        return {"id": run, "status": "FAILED" if over else "RUNNING", "concluded": over}

    async def read(self, flow_run_ids):
        return {it: self._record(self.flow_run_of[it]) for it in flow_run_ids}

    def _record(self, run: str) -> FlowRunRecord:
        told = self.now >= self.ends[run] and run not in self.silent
        state = StateType.COMPLETED if told else StateType.RUNNING
        return FlowRunRecord(state=state, state_name="", pid=f"-:demo:lasting:{run}", began=True)


async def live(world: World, *, runs: int, hours: float, mean_seconds: float, silent_share: float):
    """Start *runs* at once, watch them for *hours*; return the endings by flow run and when each was seen."""
    chance = random.Random(7)
    client = NorthflankClient(
        Access(token="t"),
        transport=httpx.MockTransport(world),
        budget=RateBudget(clock=world.clock),
        sleep=world.sleep,
    )
    monitor = Monitor(
        client=client,
        records=world,
        project=P,
        intervals=Intervals(),
        logger=logging.getLogger("test"),
        clock=world.clock,
    )
    starter = JobStarter(client.without_waiting(), sleep=world.sleep)
    long_retry = LongRetry(
        max_seconds=600, report=lambda _: None, sleep=world.sleep, clock=world.clock
    )
    request = JobRequest(name="lasting", body={"name": "lasting"}, overrides={}, lasting=True)

    async def claimed():
        return ()

    watches = []
    for _ in range(runs):
        run = await starter.start(P, request, claimed=claimed, retry=long_retry)
        flow_run = uuid4()
        world.flow_run_of[flow_run] = run.id
        world.ends[run.id] = world.now + chance.expovariate(1 / mean_seconds)
        if chance.random() < silent_share:
            world.silent.add(run.id)
        pid = InfrastructurePid(project=P, job="lasting", run=run.id)
        watches.append(monitor.add(flow_run, pid, pending_timeout=None))
    seen: dict[str, float] = {}
    while world.now < hours * HOUR and len(seen) < runs:
        await monitor.read_states()
        await monitor.poll_due()
        for watch in watches:
            if watch.done.done():
                seen.setdefault(watch.pid.run, world.now)
        world.now += Intervals().poll_seconds
    return {
        watch.pid.run: watch.done.result().outcome for watch in watches if watch.done.done()
    }, seen


@pytest.mark.parametrize("runs", [1, 10, 100, 500])
def test_flow_runs_are_started_and_watched_to_their_end_within_the_default_limit(
    runs, record_property
):
    world = World()
    fates, _ = asyncio.run(live(world, runs=runs, hours=6, mean_seconds=1800, silent_share=0.02))

    assert world.refused == 0
    assert len(fates) == runs
    assert {
        run for run, outcome in fates.items() if outcome is WatchOutcome.DIED
    } == world.silent & set(fates)
    per_hour = max(sum(1 for it in world.calls if at <= it < at + HOUR) for at in world.calls)
    assert per_hour <= LIMIT
    record_property("calls_per_run", len(world.calls) / runs)
    record_property("calls_per_hour", per_hour)
    # The vendor's worker makes 363 calls for one run of an hour, and 720 an hour for two.
    assert len(world.calls) / runs < {1: 60, 10: 20, 100: 8, 500: 3}[runs]


def test_a_death_prefect_did_not_hear_of_is_seen_within_minutes():
    world = World()
    _, seen = asyncio.run(live(world, runs=100, hours=6, mean_seconds=1800, silent_share=0.2))

    assert max(seen[run] - world.ends[run] for run in world.silent) < 900


def test_starts_go_on_when_monitoring_has_to_wait():
    world = World()
    world.calls = [0.0] * (LIMIT - 100)
    fates, _ = asyncio.run(live(world, runs=50, hours=4, mean_seconds=600, silent_share=0.1))

    assert len(fates) == 50
    assert world.refused == 0


@given(st.one_of(st.text(), st.floats().map(str), st.integers().map(str)), st.floats(0, 4e9))
def test_whatever_a_header_says_a_wait_is_none_or_at_most_an_hour(text, now):
    seconds = named_wait(text, now=now)

    assert seconds is None or 0 <= seconds <= HOUR


@given(st.integers(0, 3600))
def test_a_wait_is_read_from_seconds_and_from_the_time_at_which_it_ends(seconds):
    now = 1_800_000_000.0

    assert named_wait(str(seconds), now=now) == seconds
    assert named_wait(str(int(now) + seconds), now=now) == seconds


NAMES = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]
NUMBERS = st.one_of(st.text(), st.integers().map(str), st.floats().map(str), st.just("9" * 400))


@given(st.lists(st.tuples(st.sampled_from(NAMES), NUMBERS)), st.booleans())
def test_no_headers_make_the_budget_wait_longer_than_an_hour(headers, limited):
    budget = RateBudget(clock=lambda: 0.0)
    budget.sent()
    budget.answered(dict(headers), limited=limited)

    assert 0 <= budget.wait_seconds(Purpose.LIFECYCLE) <= HOUR
    assert 0 <= budget.wait_seconds(Purpose.MONITORING) <= HOUR
    assert 0 <= budget.seconds_per_call() <= HOUR


def test_a_client_that_waits_for_the_rate_limit_says_so_once(client, wire, caplog):
    limited = httpx.Response(429, json={"error": {"message": "slow down"}})
    job = httpx.Response(200, json={"data": {"id": "j"}})
    wire.answers = [limited, limited, limited, job]

    asyncio.run(client.put_job(P, {}))

    assert [it.getMessage() for it in caplog.records] == [
        "Northflank's rate limit is used up; calls wait 5 s."
    ]
