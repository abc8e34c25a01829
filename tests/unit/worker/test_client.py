"""The client: what is sent, what is repeated, what is never repeated, what errors say."""

from __future__ import annotations

import asyncio
import inspect
from datetime import timedelta

import httpx
import pytest
from prefect_northflank import errors
from prefect_northflank.api.access import Access
from prefect_northflank.api.budget import Purpose, RateBudget
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import ContainerMetrics, JobRun, Project, RunStatus, moment
from prefect_northflank.api.retry import is_ambiguous, told_once

P = Project(id="demo")


def reply(data=None, **kwargs):
    status = kwargs.pop("status", 200)
    headers = kwargs.pop("headers", None)
    return httpx.Response(
        status, json={"data": data if data is not None else {}} | kwargs, headers=headers
    )


def refusal(status, headers=None):
    return httpx.Response(
        status, json={"error": {"status": status, "message": "no"}}, headers=headers
    )


RUN = {"id": "r1", "status": "RUNNING", "concluded": False}
DROPPED = httpx.RemoteProtocolError("Server disconnected without sending a response.")


def test_a_call_carries_the_token_and_goes_below_the_project(client, wire):
    asyncio.run(client.delete_job(P, "j"))

    assert wire.calls == ["DELETE /v1/projects/demo/jobs/j"]
    assert wire.sent[0].headers["authorization"] == "Bearer t0ken"


def test_a_team_is_part_of_the_path(client, wire):
    asyncio.run(client.delete_job(Project(id="demo", team="acme"), "j"))

    assert wire.calls == ["DELETE /v1/teams/acme/projects/demo/jobs/j"]


@pytest.mark.parametrize(
    "fault", [refusal(503), refusal(500), refusal(429), DROPPED, httpx.ReadTimeout("slow")]
)
def test_a_read_is_repeated_after_a_passing_fault(client, wire, fault):
    wire.answers = [fault, reply(RUN)]

    run = asyncio.run(client.run(P, "j", "r1"))

    assert (run.id, run.status) == ("r1", RunStatus.RUNNING)
    assert len(wire.sent) == 2


@pytest.mark.parametrize("fault", [refusal(503), refusal(502), DROPPED, httpx.ReadTimeout("slow")])
def test_a_start_that_may_have_happened_is_not_repeated(client, wire, fault):
    wire.answers = [fault]

    with pytest.raises(errors.NorthflankError):
        asyncio.run(client.start_run(P, "j", {}))

    assert wire.calls == ["POST /v1/projects/demo/jobs/j/runs"]


@pytest.mark.parametrize(
    "fault", [refusal(429), httpx.ConnectError("refused"), httpx.ConnectTimeout("slow")]
)
def test_a_start_that_cannot_have_happened_is_repeated(client, wire, fault):
    wire.answers = [fault, reply({"id": "r1", "runName": "j-1"})]

    run = asyncio.run(client.start_run(P, "j", {}))

    assert run.id == "r1"
    assert len(wire.sent) == 2


def test_people_who_wait_are_told_once_what_is_tried_again(wire, time, told):
    wire.answers = [httpx.ConnectError("refused"), httpx.ConnectError("refused"), reply(RUN)]
    client = NorthflankClient(
        Access(token="t0ken", base_url="https://nf.test"),
        transport=httpx.MockTransport(wire),
        sleep=time.sleep,
        on_retry=told_once(told.append),
    )

    asyncio.run(client.run(P, "j", "r1"))

    (line,) = told
    assert line == (
        "GET /v1/projects/demo/jobs/j/runs/r1: no response from Northflank (ConnectError refused). "
        "It is tried again for up to a minute."
    )


def test_a_refused_job_names_the_job_variable_and_says_why_once(client, wire):
    problem = "is 'nf-compute-21', which is no plan; see GET /v1/plans"
    error = {
        "message": f"Invalid request body: billing.deploymentPlan {problem}",
        "details": {"billing.deploymentPlan": [problem]},
    }
    wire.answers = [httpx.Response(400, json={"error": error})]

    with pytest.raises(errors.Rejected) as refused:
        asyncio.run(client.run(P, "j", "r1"))

    assert str(refused.value) == (
        "GET /v1/projects/demo/jobs/j/runs/r1: Northflank answered 400 Invalid request body: "
        f"billing.deploymentPlan {problem}. Fix: correct the job variable billing_deployment_plan."
    )


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_an_error_that_stays_is_raised_at_once_and_says_what_to_do(client, wire, status):
    wire.answers = [refusal(status)]

    with pytest.raises(errors.ERROR_OF_STATUS[status], match=r"Fix: \w+") as raised:
        asyncio.run(client.put_job(P, {"name": "j"}))

    assert raised.value.status == status
    assert "t0ken" not in str(raised.value)
    assert len(wire.sent) == 1


def test_every_error_of_the_api_has_its_own_class_and_remedy():
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.ApiError) and kind is not errors.ApiError
    ]

    beyond = {errors.ServerFailed, errors.Redirected, errors.NotBuilt}
    assert set(kinds) == set(errors.ERROR_OF_STATUS.values()) | beyond
    assert all(kind.remedy != errors.ApiError.remedy for kind in kinds)


def test_a_rate_limited_start_waits_for_the_reset_the_headers_name(client, wire, time):
    wire.answers = [refusal(429, {"x-ratelimit-reset": "300"}), reply(RUN)]

    asyncio.run(client.start_run(P, "j", {}))

    assert time.now >= 300


def test_being_told_to_wait_is_not_failing(client, wire):
    wire.answers = [refusal(429, {"retry-after": "1"}) for _ in range(20)] + [reply(RUN)]

    assert asyncio.run(client.start_run(P, "j", {})).id == "r1"


def test_monitoring_leaves_the_reserve_to_starts(client, wire):
    nearly_used_up = {
        "x-ratelimit-limit": "1000",
        "x-ratelimit-remaining": "150",
        "x-ratelimit-reset": "60",
    }
    wire.answers = [reply(RUN, headers=nearly_used_up), reply(RUN, headers=nearly_used_up)]

    async def scenario():
        await client.run(P, "j", "r1", purpose=Purpose.MONITORING)
        with pytest.raises(errors.NoCallsLeft):
            await client.run(P, "j", "r1", purpose=Purpose.MONITORING)
        await client.start_run(P, "j", {})

    asyncio.run(scenario())

    assert [call.split()[0] for call in wire.calls] == ["GET", "POST"]


def test_pages_are_followed_to_the_last(client, wire):
    wire.answers = [
        reply({"runs": [RUN]}, pagination={"hasNextPage": True, "cursor": "c2", "count": 1}),
        reply({"runs": [RUN | {"id": "r2"}]}, pagination={"hasNextPage": False, "count": 1}),
    ]

    async def ids():
        return [run.id async for run in client.runs(P, "j")]

    assert asyncio.run(ids()) == ["r1", "r2"]
    assert wire.sent[1].url.params["cursor"] == "c2"


@pytest.mark.parametrize(
    ("fields", "concluded"),
    [
        ({"status": "RUNNING", "concluded": False}, False),
        ({"status": "RUNNING", "concluded": True}, True),
        ({"status": "FAILED"}, True),
        ({"status": "SUCCESS", "concluded": False}, True),
        ({"concludedAt": None}, False),
    ],
)
def test_a_run_is_over_when_either_field_says_so(client, wire, fields, concluded):
    wire.answers = [reply({"id": "r1"} | fields)]

    assert asyncio.run(client.run(P, "j", "r1")).concluded is concluded


def test_log_lines_come_in_order_without_the_container_runtimes_prefix(client, wire):
    wire.answers = [
        reply(
            [
                {
                    "containerId": "c",
                    "log": "2023-04-13T08:18:13.9Z stderr F second",
                    "ts": "2023-04-13T08:18:13Z",
                },
                {"containerId": "c", "log": "stdout F first", "ts": "2023-04-13T08:18:12Z"},
            ]
        )
    ]

    lines = asyncio.run(client.log_lines(P, "j", "r1", last=5))

    assert [line.text for line in lines] == ["first", "second"]


def test_an_answer_that_is_not_json_counts_as_a_fault_of_the_server(client, wire):
    wire.answers = [httpx.Response(200, text="<html>"), reply(RUN)]

    assert asyncio.run(client.run(P, "j", "r1")).id == "r1"


@pytest.mark.parametrize("concluded", [True, False])
def test_a_run_with_an_undocumented_status_is_over_when_it_says_so(client, wire, concluded):
    """An error would hide every other run of the page as well."""
    odd = RUN | {"id": "r2", "status": "ABORTED", "concluded": concluded}
    wire.answers = [httpx.Response(200, json={"data": {"runs": [odd, RUN]}})]

    async def runs():
        return [(run.id, run.concluded) async for run in client.runs(P, "j")]

    assert asyncio.run(runs()) == [("r2", concluded), ("r1", False)]


def test_a_project_with_a_slash_in_its_name_is_no_other_address(client, wire):
    wire.answers = [reply({"id": "a", "name": "A"})]

    asyncio.run(client.project_name(Project(id="a/../b", team="x y")))

    assert wire.sent[0].url.raw_path == b"/v1/teams/x%20y/projects/a%2F..%2Fb"


def test_an_undocumented_container_status_is_an_error_that_names_it(client, wire):
    wire.answers = [reply({"containers": [{"name": "c", "status": "TASK_LOST"}]})]

    with pytest.raises(errors.UnexpectedResponse, match="'TASK_LOST' in containers"):
        asyncio.run(client.containers(P, "j", "r1"))


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T10:00:00Z",
        "2026-01-01T10:00:00.5Z",
        "2026-01-01T10:00:00.123456789Z",
        "2026-01-01T10:00:00",
    ],
)
def test_times_are_read_in_any_precision(text):
    assert (moment("startedAt", text).hour, moment("startedAt", text).utcoffset()) == (
        10,
        timedelta(0),
    )


def test_a_time_that_is_none_is_named():
    with pytest.raises(errors.UnexpectedResponse, match="'soon' in startedAt"):
        moment("startedAt", "soon")


NONSENSE = {
    "no id": httpx.Response(200, json={"data": {"name": "j", "runs": [{}], "containers": 7}}),
    "no data": httpx.Response(200, json={"status": "maintenance"}),
    "a text": httpx.Response(200, json={"data": "moved"}),
    "numbers": httpx.Response(200, json={"data": [1, 2]}),
    "a page": httpx.Response(200, text="<html>"),
    "cut off": httpx.Response(200, text='{"data": {"id": "r'),
    "another encoding": httpx.DecodingError("Error -3 while decompressing data"),
    "nested without end": httpx.Response(200, text="[" * 100_000),
    "bytes": httpx.Response(200, content=b"\xff\xfe\x00"),
}


READS = {
    "put_job": lambda client: client.put_job(P, {}),
    "jobs": lambda client: listed(client.jobs(P)),
    "builds": lambda client: listed(client.builds(P, "j")),
    "start_build": lambda client: client.start_build(P, "j"),
    "start_run": lambda client: client.start_run(P, "j", {}),
    "runs": lambda client: listed(client.runs(P, "j")),
    "run": lambda client: client.run(P, "j", "r"),
    "containers": lambda client: client.containers(P, "j", "r"),
    "log_lines": lambda client: client.log_lines(P, "j", "r", last=5),
    "plans": lambda client: client.plans(),
}
"""Each call that reads something in the answer."""


async def listed(answers):
    return [it async for it in answers]


@pytest.mark.parametrize("call", READS)
@pytest.mark.parametrize("nonsense", NONSENSE)
def test_an_answer_that_makes_no_sense_is_one_error_that_names_the_call(
    call, nonsense, client, wire
):
    wire.answers = [NONSENSE[nonsense]]

    with pytest.raises(
        (errors.MalformedResponse, errors.ServerFailed), match=r"^(GET|PUT|POST) /v1/"
    ) as raised:
        asyncio.run(READS[call](client.without_waiting()))

    assert len(wire.sent) == 1
    assert is_ambiguous(raised.value)


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_a_read_is_repeated_after_an_answer_that_makes_no_sense(nonsense, client, wire):
    wire.answers = [NONSENSE[nonsense], reply(RUN)]

    assert asyncio.run(client.run(P, "j", "r1")).id == "r1"


@pytest.mark.parametrize("cursor", [None, "", "c2"])
def test_a_list_that_never_ends_makes_no_sense(cursor, client, wire):
    pagination = {"hasNextPage": True, "cursor": cursor}
    wire.answer = lambda _: reply({"runs": [RUN]}, pagination=pagination)

    with pytest.raises(errors.MalformedResponse, match="the next page"):
        asyncio.run(listed(client.without_waiting().runs(P, "j")))


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_refusal_not_in_the_apis_words_is_not_believed(status, client, wire):
    """A proxy's 404 does not say that the job is gone."""
    wire.answers = [httpx.Response(status, text="<html>nginx</html>")]

    with pytest.raises(errors.ServerFailed, match=rf"\({status}, not from the API\)"):
        asyncio.run(client.without_waiting().delete_job(P, "j"))


def test_a_message_as_long_as_a_page_is_cut_in_the_error(client, wire):
    wire.answers = [httpx.Response(400, json={"error": {"message": "x" * 100_000}})]

    with pytest.raises(errors.Rejected) as raised:
        asyncio.run(client.put_job(P, {}))

    assert len(str(raised.value)) < 3000


class Tokens:
    """Where a token is read again; None: it cannot be read now."""

    def __init__(self, *values: str | None) -> None:
        self.values = list(values)
        self.read = 0

    async def __call__(self) -> str | None:
        self.read += 1
        return self.values.pop(0) if len(self.values) > 1 else self.values[0]


def client_with(tokens, wire, time):
    return NorthflankClient(
        Access(token="old", base_url="https://nf.test", reread_token=tokens),
        transport=httpx.MockTransport(wire),
        budget=RateBudget(clock=time),
        sleep=time.sleep,
    )


def only(token, answer):
    """A Northflank to which only *token* is valid."""

    def northflank(request: httpx.Request) -> httpx.Response:
        valid = request.headers["authorization"] == f"Bearer {token}"
        return answer if valid else refusal(401)

    return northflank


def test_a_token_that_is_refused_is_read_again_and_used_from_then_on(wire, time):
    tokens = Tokens("new")
    wire.answer = only("new", reply(RUN))

    async def scenario():
        client = client_with(tokens, wire, time)
        await client.without_waiting().run(P, "j", "r1")
        await client.start_run(P, "j", {})
        await client.run(P, "j", "r1", purpose=Purpose.MONITORING)

    asyncio.run(scenario())

    assert tokens.read == 1
    assert [it.split()[0] for it in wire.calls] == ["GET", "GET", "POST", "GET"]


@pytest.mark.parametrize("found", ["old", None])
def test_a_token_that_stays_refused_is_the_existing_error(found, wire, time):
    wire.answer = only("new", reply(RUN))

    with pytest.raises(errors.Unauthorized, match="put a valid API token"):
        asyncio.run(client_with(Tokens(found), wire, time).run(P, "j", "r1"))

    assert len(wire.sent) == 1


def test_a_token_that_is_being_replaced_is_read_again_before_each_try(wire, time, long_retry):
    tokens = Tokens("old", None, "old", "new")
    wire.answer = only("new", reply(RUN))
    client = client_with(tokens, wire, time).without_waiting()

    run = asyncio.run(long_retry.call(lambda: client.run(P, "j", "r1")))

    assert (run.id, tokens.read) == ("r1", 4)


def test_many_calls_refused_at_once_read_the_token_once(wire, time):
    tokens = Tokens("new")
    wire.answer = only("new", reply(RUN))

    async def scenario():
        client = client_with(tokens, wire, time).without_waiting()
        await asyncio.gather(*(client.run(P, "j", "r1") for _ in range(10)))

    asyncio.run(scenario())

    assert tokens.read == 1


def metric(*values):
    """Return a metric of one container, measured every ten seconds."""
    data = [
        {"value": value, "ts": f"2026-01-01T00:00:{10 * number:02d}Z"}
        for number, value in enumerate(values)
    ]
    info = {"metricId": "memory", "metricUnit": "mb", "metricResolution": 10}
    return {"metricInfo": info, "values": [{"metadata": {"containerId": "c"}, "data": data}]}


def test_metrics_are_read_in_one_call_as_a_peak_of_memory_and_cpu_time(client, wire):
    wire.answers = [reply({"memory": metric(100, 524.288, 300), "cpu": metric(0, 0.5, 2)})]
    ended = JobRun(
        id="r1",
        status=RunStatus.FAILED,
        concluded=True,
        started_at="2026-01-01T00:00:00Z",
        concluded_at="2026-01-01T00:00:25Z",
    )

    used = asyncio.run(client.metrics(P, "j", "r1", seen=ended))

    assert used == ContainerMetrics(memory_mb=500, cpu_seconds=25)
    (sent,) = wire.sent
    assert sent.url.path == "/v1/projects/demo/jobs/j/metrics"
    assert sent.url.params.get_list("metricTypes") == ["cpu", "memory"]
    assert dict(sent.url.params) | {"metricTypes": ""} == {
        "queryType": "range",
        "metricTypes": "",
        "runId": "r1",
        "startTime": "2026-01-01T00:00:00Z",
        "endTime": "2026-01-01T00:00:25Z",
    }


@pytest.mark.parametrize("answer", [{}, {"memory": {"values": []}}, {"memory": None, "cpu": []}])
def test_what_northflank_has_not_measured_is_not_known(answer):
    assert ContainerMetrics.parse(answer) == ContainerMetrics()
