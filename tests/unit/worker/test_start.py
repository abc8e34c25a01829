"""One start is one container, also when the answer got lost."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field

import httpx
import pytest
from prefect_northflank.access import Access
from prefect_northflank.api import Project
from prefect_northflank.budget import RateBudget
from prefect_northflank.client import NorthflankClient
from prefect_northflank.errors import NorthflankError, NotFound, Rejected, TakenOver
from prefect_northflank.job import JobRequest
from prefect_northflank.start import Starter, unclaimed

P = Project(id="demo")
SINGLE = JobRequest(name="single", body={"name": "single"}, overrides={}, lasting=False)
LASTING = JobRequest(name="lasting", body={"name": "lasting"}, overrides={}, lasting=True)


@dataclass
class Northflank:
    """Jobs and runs in memory; `plan` says what goes wrong with each POST …/runs in turn."""

    plan: list[str] = field(default_factory=list)
    jobs: dict[str, list[str]] = field(default_factory=dict)
    puts: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        found = re.search(r"/jobs/([^/]+)/runs$", request.url.path)
        if request.method == "PUT":
            self.puts += 1
            name = json.loads(request.content)["name"]
            self.jobs.setdefault(name, [])
            return httpx.Response(200, json={"data": {"id": name, "name": name}})
        if request.method == "DELETE":
            self.jobs.pop(request.url.path.rpartition("/")[2], None)
            return httpx.Response(200, json={"data": {}})
        if found is None or found.group(1) not in self.jobs:
            return httpx.Response(404, json={"error": {"message": "Not found"}})
        runs = self.jobs[found.group(1)]
        if request.method == "GET":
            shown = [{"id": it, "status": "RUNNING", "startedAt": None} for it in runs]
            return httpx.Response(200, json={"data": {"runs": shown}})
        fault = self.plan.pop(0) if self.plan else "none"
        if fault in {"dropped before", "503 before", "refused"}:
            return self._lose(fault)
        runs.append(f"run-{len(runs)}")
        return (
            self._lose(fault)
            if fault != "none"
            else httpx.Response(200, json={"data": {"id": runs[-1]}})
        )

    def _lose(self, fault: str) -> httpx.Response:
        if fault.startswith("dropped"):
            raise httpx.RemoteProtocolError("dropped")
        if fault == "refused":
            return httpx.Response(400, json={"error": {"message": "no such plan"}})
        return httpx.Response(503, json={"error": {"message": "down"}})


async def for_sure():
    pass


def start(northflank, request=SINGLE, *, claimed=(), times=1, time=None, still_ours=for_sure):
    async def scenario():
        async def taken():
            return claimed

        client = NorthflankClient(
            Access(token="t"),
            transport=httpx.MockTransport(northflank),
            budget=RateBudget(),
            sleep=time.sleep,
        )
        starter = Starter(client, sleep=time.sleep)
        return [
            await starter.start(P, request, claimed=taken, still_ours=still_ours)
            for _ in range(times)
        ]

    return asyncio.run(scenario())


@pytest.mark.parametrize("request_", [SINGLE, LASTING])
@pytest.mark.parametrize("fault", ["dropped after", "503 after"])
def test_a_run_whose_answer_got_lost_is_adopted(fault, request_, time):
    northflank = Northflank(plan=[fault])
    (run,) = start(northflank, request_, time=time)

    assert northflank.jobs[request_.name] == [run.id]


@pytest.mark.parametrize("request_", [SINGLE, LASTING])
@pytest.mark.parametrize("fault", ["dropped before", "503 before"])
def test_a_start_that_did_not_happen_is_made_again(fault, request_, time):
    northflank = Northflank(plan=[fault, fault])
    (run,) = start(northflank, request_, time=time)

    assert northflank.jobs[request_.name] == [run.id]


def test_a_run_of_another_flow_run_is_not_adopted(time):
    northflank = Northflank(plan=["dropped before"], jobs={"lasting": ["theirs"]})
    (run,) = start(northflank, LASTING, claimed={"theirs"}, time=time)

    assert run.id != "theirs"
    assert northflank.jobs["lasting"] == ["theirs", run.id]


def test_giving_up_leaves_no_run_behind(time):
    northflank = Northflank(plan=["dropped before"] * 50)
    with pytest.raises(NorthflankError):
        start(northflank, time=time)

    assert northflank.jobs["single"] == []


def test_a_job_whose_start_was_refused_is_deleted(time):
    northflank = Northflank(plan=["refused"])
    with pytest.raises(Rejected):
        start(northflank, time=time)

    assert northflank.jobs == {}


def test_a_job_that_may_have_been_started_stays_though_a_second_start_was_refused(time):
    northflank = Northflank(plan=["503 before", "refused"])
    with pytest.raises(Rejected):
        start(northflank, time=time)

    assert northflank.jobs == {"single": []}


def test_a_lasting_job_stays_when_a_start_was_refused(time):
    northflank = Northflank(plan=["refused"])
    with pytest.raises(Rejected):
        start(northflank, LASTING, time=time)

    assert northflank.jobs == {"lasting": []}


def test_a_job_whose_flow_run_was_taken_over_before_its_start_is_deleted(time):
    async def cancelled():
        raise TakenOver(job="j")

    northflank = Northflank()
    with pytest.raises(TakenOver):
        start(northflank, time=time, still_ours=cancelled)

    assert northflank.jobs == {}


def test_a_lasting_job_is_put_once(time):
    northflank = Northflank()
    start(northflank, LASTING, times=5, time=time)

    assert northflank.puts == 1
    assert len(northflank.jobs["lasting"]) == 5


def test_a_lasting_job_deleted_by_somebody_is_put_again(time):
    class Forgetful(Northflank):
        def __call__(self, request):
            if request.method == "POST" and self.puts == 1 and self.jobs.get("lasting"):
                self.jobs.pop("lasting")
            return super().__call__(request)

    northflank = Forgetful()
    start(northflank, LASTING, times=2, time=time)

    assert northflank.puts == 2


def test_a_job_of_one_flow_run_deleted_before_its_start_was_taken_away(time):
    class TakenAway(Northflank):
        def __call__(self, request):
            answer = super().__call__(request)
            if request.method == "PUT":
                self.jobs.clear()
            return answer

    northflank = TakenAway()
    with pytest.raises(TakenOver):
        start(northflank, time=time)

    assert northflank.puts == 1


@pytest.mark.parametrize("request_", [SINGLE, LASTING])
def test_a_flow_run_taken_over_while_its_job_was_put_or_its_start_repeated_is_not_started(
    request_, time
):
    """The question comes after the job is there and before each request, the repeated ones too."""
    northflank = Northflank(plan=["503 before"])
    asked = []

    async def still_ours():
        asked.append((northflank.puts, len(northflank.plan)))
        if len(asked) == 2:
            raise TakenOver(job="j")

    with pytest.raises(TakenOver):
        start(northflank, request_, time=time, still_ours=still_ours)

    assert asked[0] == (1, 1)
    assert northflank.jobs[request_.name] == []


def test_a_missing_project_is_an_error_not_a_loop(time):
    def nowhere(request):
        return httpx.Response(404, json={"error": {"message": "Not found"}})

    with pytest.raises(NotFound, match="project_id"):
        start(nowhere, time=time)


def test_of_two_runs_in_doubt_the_one_that_goes_on_is_ours():
    def answer(_):
        runs = [
            {"id": "over", "status": "FAILED", "startedAt": "2026-01-01T00:00:00Z"},
            {"id": "late", "status": "FAILED", "startedAt": "2026-01-01T00:00:09Z"},
            {"id": "active", "status": "RUNNING", "startedAt": "2026-01-01T00:00:05Z"},
        ]
        return httpx.Response(200, json={"data": {"runs": runs}})

    async def scenario():
        async def taken():
            return ()

        client = NorthflankClient(Access(token="t"), transport=httpx.MockTransport(answer))
        return [run.id for run in await unclaimed(client, P, "j", claimed=taken)]

    assert asyncio.run(scenario()) == ["active", "late", "over"]
