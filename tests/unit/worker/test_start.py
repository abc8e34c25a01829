"""One start is one container, also when the answer got lost."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import httpx
import pytest
from prefect_northflank.api.access import Access
from prefect_northflank.api.budget import RateBudget
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import Project
from prefect_northflank.api.retry import LongRetry
from prefect_northflank.errors import (
    ApiError,
    NorthflankError,
    NotFound,
    Rejected,
    ServerFailed,
    StartInDoubt,
    TakenOver,
)
from prefect_northflank.job.definition import JobRequest
from prefect_northflank.start.start_once import JobStarter, unclaimed

P = Project(id="demo")
SINGLE = JobRequest(name="single", body={"name": "single"}, overrides={}, lasting=False)
LASTING = JobRequest(name="lasting", body={"name": "lasting"}, overrides={}, lasting=True)


@dataclass
class Northflank:
    """Jobs and runs in memory; `plan` says what goes wrong with each POST …/runs in turn."""

    plan: list[str] = field(default_factory=list)
    jobs: dict[str, list[str]] = field(default_factory=dict)
    puts: int = 0
    started: list[dict] = field(default_factory=list)

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
        self.started.append(json.loads(request.content))
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


def start(northflank, long_retry, request=SINGLE, *, claimed=(), times=1, **callbacks):
    async def scenario():
        async def taken():
            return claimed

        client = NorthflankClient(
            Access(token="t"),
            transport=httpx.MockTransport(northflank),
            budget=RateBudget(clock=long_retry.clock),
        )
        starter = JobStarter(client.without_waiting(), sleep=long_retry.sleep)
        return [
            await starter.start(P, request, retry=long_retry, claimed=taken, **callbacks)
            for _ in range(times)
        ]

    return asyncio.run(scenario())


@pytest.mark.parametrize("request_", [SINGLE, LASTING])
@pytest.mark.parametrize("fault", ["dropped after", "503 after"])
def test_a_run_whose_answer_got_lost_is_adopted(fault, request_, long_retry):
    northflank = Northflank(plan=[fault])
    (run,) = start(northflank, long_retry, request_)

    assert northflank.jobs[request_.name] == [run.id]


@pytest.mark.parametrize("request_", [SINGLE, LASTING])
@pytest.mark.parametrize("fault", ["dropped before", "503 before"])
def test_a_start_that_did_not_happen_is_made_again(fault, request_, long_retry):
    northflank = Northflank(plan=[fault, fault])
    (run,) = start(northflank, long_retry, request_)

    assert northflank.jobs[request_.name] == [run.id]


def test_a_run_of_another_flow_run_is_not_adopted(long_retry):
    northflank = Northflank(plan=["dropped before"], jobs={"lasting": ["theirs"]})
    (run,) = start(northflank, long_retry, LASTING, claimed={"theirs"})

    assert run.id != "theirs"
    assert northflank.jobs["lasting"] == ["theirs", run.id]


def test_giving_up_leaves_no_run_behind(long_retry):
    northflank = Northflank(plan=["dropped before"] * 50)
    with pytest.raises(NorthflankError):
        start(northflank, long_retry)

    assert northflank.jobs["single"] == []


def test_a_job_whose_start_was_refused_is_deleted(long_retry):
    northflank = Northflank(plan=["refused"])
    with pytest.raises(Rejected):
        start(northflank, long_retry)

    assert northflank.jobs == {}


def test_a_job_that_may_have_been_started_stays_though_a_second_start_was_refused(long_retry):
    northflank = Northflank(plan=["503 before", "refused"])
    with pytest.raises(Rejected):
        start(northflank, long_retry)

    assert northflank.jobs == {"single": []}


def test_a_lasting_job_stays_when_a_start_was_refused(long_retry):
    northflank = Northflank(plan=["refused"])
    with pytest.raises(Rejected):
        start(northflank, long_retry, LASTING)

    assert northflank.jobs == {"lasting": []}


def test_a_job_whose_flow_run_was_taken_over_before_its_start_is_deleted(long_retry):
    async def cancelled():
        raise TakenOver(job="j")

    northflank = Northflank()
    with pytest.raises(TakenOver):
        start(northflank, long_retry, check_claim=cancelled)

    assert northflank.jobs == {}


def test_a_lasting_job_is_put_once(long_retry):
    northflank = Northflank()
    start(northflank, long_retry, LASTING, times=5)

    assert northflank.puts == 1
    assert len(northflank.jobs["lasting"]) == 5


def test_a_lasting_job_that_a_user_deleted_is_put_again(long_retry):
    class Forgetful(Northflank):
        def __call__(self, request):
            if request.method == "POST" and self.puts == 1 and self.jobs.get("lasting"):
                self.jobs.pop("lasting")
            return super().__call__(request)

    northflank = Forgetful()
    start(northflank, long_retry, LASTING, times=2)

    assert northflank.puts == 2


def test_a_job_of_one_flow_run_deleted_before_its_start_was_taken_away(long_retry):
    class TakenAway(Northflank):
        def __call__(self, request):
            answer = super().__call__(request)
            if request.method == "PUT":
                self.jobs.clear()
            return answer

    northflank = TakenAway()
    with pytest.raises(TakenOver):
        start(northflank, long_retry)

    assert northflank.puts == 1


@pytest.mark.parametrize("request_", [SINGLE, LASTING])
def test_a_flow_run_taken_over_before_its_start_or_its_repetition_is_not_started(
    request_, long_retry
):
    """The question comes after the job is there and before each request, the repeated ones too."""
    northflank = Northflank(plan=["503 before"])
    asked = []

    async def check_claim():
        asked.append((northflank.puts, len(northflank.plan)))
        if len(asked) == 2:
            raise TakenOver(job="j")

    with pytest.raises(TakenOver):
        start(northflank, long_retry, request_, check_claim=check_claim)

    assert asked[0] == (1, 1)
    assert northflank.jobs[request_.name] == []


def test_each_request_to_start_has_variables_of_its_own(long_retry):
    northflank = Northflank(plan=["503 before"])
    request = replace(LASTING, overrides={"runtimeEnvironment": {"SAME": "x"}})
    made = []

    async def environment_of_start():
        made.append(str(len(made)))
        return {"TOKEN": made[-1]}

    start(northflank, long_retry, request, environment_of_start=environment_of_start)

    assert [body["runtimeEnvironment"] for body in northflank.started] == [
        {"SAME": "x", "TOKEN": "0"},
        {"SAME": "x", "TOKEN": "1"},
    ]


def test_a_missing_project_is_an_error_not_a_loop(long_retry):
    def nowhere(request):
        return httpx.Response(404, json={"error": {"message": "Not found"}})

    with pytest.raises(NotFound, match="project_id"):
        start(nowhere, long_retry)


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


def refusal(status: int) -> httpx.Response:
    return httpx.Response(status, json={"error": {"message": f"status {status}"}})


NONSENSE = {
    "no id": httpx.Response(200, json={"data": {}}),
    "an id that is none": httpx.Response(200, json={"data": {"id": None}}),
    "no data": httpx.Response(200, json={"status": "maintenance"}),
    "a list": httpx.Response(200, json={"data": []}),
    "a page": httpx.Response(200, text="<html>"),
    "cut off": httpx.Response(200, text='{"data": {"id": "r'),
    "nothing": httpx.Response(200),
    "another encoding": httpx.DecodingError("Error -3 while decompressing data"),
    "nested without end": httpx.Response(200, text="[" * 100_000),
}
TROUBLE = NONSENSE | {
    "502": refusal(502),
    "401": refusal(401),
    "403": refusal(403),
    "409": refusal(409),
    "408": refusal(408),
    "302": httpx.Response(302, headers={"location": "https://login.test"}),
    "a page instead of 404": httpx.Response(404, text="<html>nginx</html>"),
    "a page instead of 400": httpx.Response(400, text="<html>nginx</html>"),
    "refused connection": httpx.ConnectError("refused"),
    "dropped": httpx.RemoteProtocolError("dropped"),
}


@dataclass
class Troubled:
    """A Northflank that answers *trouble* to what `method` sends, until `passes_at`; it does all the same if `done`."""

    trouble: httpx.Response | Exception
    time: Callable[[], float]
    method: str
    passes_at: float
    done: bool = False
    inner: Northflank = field(default_factory=Northflank)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        struck = request.method == self.method and self.time() < self.passes_at
        if not struck or self.done:
            answer = self.inner(request)
        if not struck:
            return answer
        if isinstance(self.trouble, Exception):
            raise self.trouble
        return httpx.Response(
            self.trouble.status_code, headers=self.trouble.headers, content=self.trouble.content
        )


@pytest.mark.parametrize("request_", [SINGLE, LASTING])
@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_that_passes_within_the_patience_fails_no_start_and_is_said_once(
    trouble, method, request_, long_retry, time, told
):
    northflank = Troubled(TROUBLE[trouble], time, method, passes_at=180)

    (run,) = start(northflank, long_retry, request_)

    assert northflank.inner.jobs[request_.name] == [run.id]
    assert len(told) == 1
    assert "The worker tries again for up to 600 s." in told[0]


@pytest.mark.parametrize("request_", [SINGLE, LASTING])
@pytest.mark.parametrize("nonsense", NONSENSE)
def test_a_run_whose_answer_makes_no_sense_is_found_and_not_started_twice(
    nonsense, request_, long_retry, time
):
    northflank = Troubled(NONSENSE[nonsense], time, "POST", passes_at=1e9, done=True)

    (run,) = start(northflank, long_retry, request_)

    assert northflank.inner.jobs[request_.name] == [run.id]


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_a_list_of_runs_that_makes_no_sense_does_not_say_that_nothing_was_started(
    nonsense, long_retry, time
):
    """As an empty list it would have a second container started."""
    northflank = Troubled(NONSENSE[nonsense], time, "GET", passes_at=120)
    northflank.inner.plan = ["503 after"]

    (run,) = start(northflank, long_retry)

    assert northflank.inner.jobs["single"] == [run.id]


@pytest.mark.parametrize("request_", [SINGLE, LASTING])
def test_a_start_in_doubt_is_not_made_again_when_its_runs_cannot_be_seen(
    request_, long_retry, time
):
    """Not seeing a run within the patience is not seeing that there is none; the job stays, for it may run."""
    northflank = Troubled(refusal(502), time, "GET", passes_at=700)
    northflank.inner.plan = ["503 after"]

    with pytest.raises(StartInDoubt, match=r"answered 503 .* answered 502 .* has a run before"):
        start(northflank, long_retry, request_)

    assert northflank.inner.jobs[request_.name] == ["run-0"]


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "put a valid API token"), (403, "Run Job"), (409, "rename one of the two")],
)
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_trouble_that_outlasts_the_patience_fails_with_its_own_remedy(
    status, words, method, long_retry, time
):
    northflank = Troubled(refusal(status), time, method, passes_at=1e9)

    with pytest.raises(ApiError, match=words):
        start(northflank, long_retry)

    assert 600 <= time.now < 700
    assert not northflank.inner.jobs.get("single")


def test_trouble_with_the_builds_of_a_job_is_waited_for_once(long_retry, time):
    """The wait for a build has the whole patience; the start around it does not begin another one."""
    of_a_repository = replace(SINGLE, body={"name": "single", "deployment": {"vcs": {}}})

    with pytest.raises(ServerFailed):
        start(Troubled(refusal(502), time, "GET", passes_at=1e9), long_retry, of_a_repository)

    assert 600 <= time.now < 700


def test_what_will_not_pass_is_not_waited_for(long_retry, time, told):
    with pytest.raises(Rejected):
        start(Troubled(refusal(400), time, "PUT", passes_at=1e9), long_retry)

    assert (time.now, told) == (0.0, [])


@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": "86400"},
        {"retry-after": "nan"},
        {"x-ratelimit-reset": "inf"},
        {"x-ratelimit-reset": "-1"},
        {"x-ratelimit-reset": "1e308"},
        {
            "x-ratelimit-limit": "1000",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": "99999999999",
        },
    ],
    ids=str,
)
def test_a_wait_that_cannot_be_meant_is_said_and_bounded(headers, long_retry, time, told):
    limited = httpx.Response(429, json={"error": {"message": "slow down"}}, headers=headers)
    northflank = Troubled(limited, time, "POST", passes_at=60)

    (run,) = start(northflank, long_retry)

    assert northflank.inner.jobs["single"] == [run.id]
    assert time.now < 300
    assert told == ["Northflank's rate limit is used up; the start waits 5 s."]


def test_a_rate_limit_that_lasts_longer_than_the_patience_is_waited_for(long_retry, time, told):
    limited = httpx.Response(
        429, json={"error": {"message": "slow down"}}, headers={"x-ratelimit-reset": "3000"}
    )

    (run,) = start(Troubled(limited, time, "POST", passes_at=2900), long_retry)

    assert run.id
    assert told == ["Northflank's rate limit is used up; the start waits 3000 s."]


def test_starts_of_a_lasting_job_that_wait_for_trouble_each_say_so(time):
    """None of them waits silently behind the first."""
    northflank = Troubled(refusal(502), time, "PUT", passes_at=60)
    heard: list[list[str]] = [[], [], []]

    async def sleep(seconds: float) -> None:
        await time.sleep(seconds)
        await asyncio.sleep(0)  # the others go on meanwhile

    async def scenario():
        client = NorthflankClient(
            Access(token="t"),
            transport=httpx.MockTransport(northflank),
            budget=RateBudget(clock=time),
        )
        starter = JobStarter(client.without_waiting(), sleep=sleep)

        async def taken():
            return ()

        retries = [
            LongRetry(max_seconds=600, report=it.append, sleep=sleep, clock=time) for it in heard
        ]
        return await asyncio.gather(
            *(starter.start(P, LASTING, retry=it, claimed=taken) for it in retries)
        )

    runs = asyncio.run(scenario())

    assert len({run.id for run in runs}) == len(northflank.inner.jobs["lasting"]) == 3
    assert [len(it) for it in heard] == [1, 1, 1]
