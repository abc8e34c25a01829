"""A Prefect server that is busy is asked again; it makes no flow run crash."""

from __future__ import annotations

import asyncio
import json
import logging
from uuid import uuid4

import anyio
import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import Flow, FlowRun, WorkPool
from prefect.exceptions import ObjectNotFound
from prefect.settings import (
    PREFECT_CLIENT_CSRF_SUPPORT_ENABLED,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)
from prefect_northflank import NorthflankJobConfiguration, NorthflankWorker
from prefect_northflank.errors import ConfigurationError
from prefect_northflank.records.flow_runs import FlowRunRecords
from prefect_northflank.records.prefect_retry import (
    TRIES,
    harden_client,
    is_transient,
    retry_prefect,
)
from pydantic import ValidationError


def status(code: int, *, text: str = "", path: str = "/api/x") -> httpx.HTTPStatusError:
    request = httpx.Request("GET", f"http://prefect{path}")
    response = httpx.Response(code, text=text, request=request)
    return httpx.HTTPStatusError(f"{code} {text}", request=request, response=response)


def another_shape() -> ValidationError:
    """What Prefect's client raises for JSON that is not what was asked for."""
    try:
        Flow.model_validate({"status": "maintenance"})
    except ValidationError as error:
        return error
    raise AssertionError


class Busy:
    """What of a Prefect client is asked for here; answers once the troubles are over."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = list(troubles)
        self.asked = 0

    async def __call__(self, *_: object, **__: object) -> str:
        self.asked += 1
        if self.troubles:
            raise self.troubles.pop(0)
        return "answer"

    update_flow_run_labels = read_flow = __call__


@pytest.mark.parametrize(
    "trouble",
    [
        *(status(code) for code in (302, 401, 403, 408, 429, 502, 503)),
        httpx.ReadError("reset"),
        httpx.DecodingError("not gzip"),
        json.JSONDecodeError("Expecting value", "<html>", 0),
        status(404, text="<html>nginx</html>"),
        ObjectNotFound(http_exc=status(404, text="<html>nginx</html>")),
        pytest.param(another_shape(), id="another shape"),
    ],
    ids=str,
)
def test_a_question_is_asked_again_until_it_is_answered(trouble, time):
    busy = Busy(*[trouble] * 5)

    assert asyncio.run(retry_prefect(busy, sleep=time.sleep)) == "answer"
    assert (busy.asked, is_transient(trouble)) == (6, True)


GONE = ObjectNotFound(http_exc=status(404, text='{"detail": "Flow not found"}'))


@pytest.mark.parametrize(
    ("troubles", "asked"), [([status(422, text="{}")], 1), ([GONE], 1), ([status(503)] * 99, TRIES)]
)
def test_what_does_not_pass_is_raised(troubles, asked, time):
    busy = Busy(*troubles)

    with pytest.raises((httpx.HTTPStatusError, ObjectNotFound)):
        asyncio.run(retry_prefect(busy, sleep=time.sleep))
    assert busy.asked == asked


@pytest.mark.parametrize("failures", [3, 99])
def test_a_server_too_busy_for_labels_makes_no_flow_run_crash(failures, no_waiting):
    """Prefect's base worker writes them before it hands the flow run to us, and takes a failure for a crash."""
    worker = NorthflankWorker(work_pool_name="nf", name="me")
    worker._client = busy = Busy(*[status(503)] * failures)  # noqa: SLF001  what `setup` would open

    asyncio.run(worker._give_worker_labels_to_flow_run(uuid4()))  # noqa: SLF001  called by the base worker

    assert busy.asked == min(failures + 1, TRIES)


@pytest.mark.parametrize("gone", [ObjectNotFound, lambda error: error])
@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/api/deployments/1", "its deployment"),
        ("/api/flows/1", "its flow"),
        ("/api/block_documents/1", "a block that its job variables name"),
        ("/api/odd/1", "part of it"),
    ],
)
def test_what_no_longer_exists_is_named_where_prefects_own_error_says_none(
    path, what, gone, no_waiting
):
    busy = Busy(
        status(503),
        httpx.ReadError("reset"),
        gone(status(404, text="{}", path=path)),
    )

    with pytest.raises(ObjectNotFound, match=rf"{what} no longer exists in Prefect\. Fix: deploy"):
        asyncio.run(
            NorthflankJobConfiguration.resolve_for_flow_run(
                FlowRun(flow_id=uuid4()), client=busy, work_pool=None, worker_name="me"
            )
        )
    assert busy.asked == 3


def resolved(flow_run, answers, *, pool=None):
    """Return the configuration of *flow_run* from a Prefect that answers so to each path, in turn."""

    def prefect(request: httpx.Request) -> httpx.Response:
        turns = answers[request.url.path.removeprefix("/api")]
        return turns.pop(0) if len(turns) > 1 else turns[0]

    async def scenario():
        settings = {"transport": httpx.MockTransport(prefect)}
        async with PrefectClient("http://prefect.test/api", httpx_settings=settings) as client:
            return await NorthflankJobConfiguration.resolve_for_flow_run(
                flow_run, client=client, work_pool=pool or POOL, worker_name="me"
            )

    with temporary_settings(
        {PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False, PREFECT_CLIENT_MAX_RETRIES: 0}
    ):
        return asyncio.run(scenario())


POOL = WorkPool(
    name="nf",
    type="northflank",
    base_job_template=NorthflankWorker.get_default_base_job_template(),
)
FLOW = Flow(id=uuid4(), name="f").model_dump(mode="json")


def test_a_configuration_that_is_asked_for_again_keeps_the_flow_runs_own_environment(no_waiting):
    """Prefect takes it out of the flow run while it builds the configuration."""
    variable = {"id": str(uuid4()), "name": "p", "value": "demo", "tags": []}
    answers = {
        f"/flows/{FLOW['id']}": [httpx.Response(200, json=FLOW)],
        "/variables/name/p": [httpx.Response(503), httpx.Response(200, json=variable)],
    }
    wanted = {"env": {"A": "b"}, "project_id": "{{ prefect.variables.p }}"}
    flow_run = FlowRun(flow_id=FLOW["id"], name="amber-bat", job_variables=wanted)

    made = resolved(flow_run, answers)

    assert (made.project_id, made.env["A"]) == ("demo", "b")


def test_job_variables_that_cannot_be_are_named_without_their_values():
    answers = {f"/flows/{FLOW['id']}": [httpx.Response(200, json=FLOW)]}
    wrong = {"credentials": {"api_token": ["s3cret"]}, "pending_timeout_seconds": "soon"}
    flow_run = FlowRun(flow_id=FLOW["id"], name="amber-bat", job_variables=wrong)

    with pytest.raises(
        ConfigurationError, match=r"credentials\.api_token: .*; pending_tim"
    ) as found:
        resolved(flow_run, answers)

    assert "s3cret" not in str(found.value)


def test_the_token_of_a_configuration_can_be_read_again(no_waiting, monkeypatch):
    answers = {f"/flows/{FLOW['id']}": [httpx.Response(200, json=FLOW), httpx.Response(404)]}
    monkeypatch.setenv("NORTHFLANK_API_TOKEN", "old")
    flow_run = FlowRun(flow_id=FLOW["id"], name="amber-bat")
    access = resolved(flow_run, answers).access()
    assert access.token == "old"
    assert access.reread_token is not None
    # Where Prefect cannot be asked (its client is closed by now), the old one goes on.
    assert asyncio.run(access.reread_token()) is None


@pytest.mark.parametrize(
    "asked", ["86400", "1e9", "inf", "nan", "Fri, 31 Dec 2100 23:59:59 GMT", "soon"]
)
def test_a_wait_that_prefect_asks_for_is_bounded_and_said_once(asked, caplog, monkeypatch):
    """Prefect's client would sleep for a day, and say nothing."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(anyio, "sleep", sleep)

    def busy(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, headers={"retry-after": asked})

    async def scenario():
        settings = {"transport": httpx.MockTransport(busy)}
        async with PrefectClient("http://prefect.test/api", httpx_settings=settings) as client:
            for _ in range(2):
                harden_client(client, logging.getLogger("test"))
            with pytest.raises(httpx.HTTPStatusError):
                await client.read_flow(uuid4())

    with temporary_settings({PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False}):
        asyncio.run(scenario())

    assert slept
    # Prefect's client adds a fifth, so that not all come back at once.
    assert all(100 <= it <= 150 for it in slept)
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (httpx.Response(404, json={"detail": "Flow not found"}), ObjectNotFound),
        (httpx.Response(404, html="<html>nginx</html>"), httpx.HTTPStatusError),
        (httpx.Response(302, headers={"location": "/login"}), httpx.HTTPStatusError),
        (httpx.Response(200, html="<html>Sign in</html>"), httpx.HTTPStatusError),
    ],
    ids=["Prefect's own", "a page", "a way to a login page", "a login page"],
)
def test_only_prefects_own_404_says_that_something_was_deleted(answer, raised):
    """Upon a 404 for a deployment Prefect's base worker cancels the flow run."""

    def server(request: httpx.Request) -> httpx.Response:
        elsewhere = httpx.Response(404, json={"detail": "Not Found"})
        return elsewhere if request.url.path == "/login" else answer

    async def scenario():
        settings = {"transport": httpx.MockTransport(server)}
        async with PrefectClient("http://prefect.test/api", httpx_settings=settings) as client:
            harden_client(client, logging.getLogger("test"))
            await client.read_deployment(uuid4())

    given = {PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False, PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(given), pytest.raises(raised):
        asyncio.run(scenario())


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<html>Sign in</html>"),
        httpx.Response(200, json={"data": {}}),
    ],
    ids=["a login page", "JSON of something else"],
)
def test_an_id_is_recorded_only_when_prefect_itself_says_so(answer):
    async def scenario():
        settings = {"transport": httpx.MockTransport(lambda _: answer)}
        async with PrefectClient("http://prefect.test/api", httpx_settings=settings) as client:
            harden_client(client, logging.getLogger("test"))
            await FlowRunRecords(client, pool="nf").write_pid(uuid4(), "-:demo:job:")

    given = {PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False, PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(given), pytest.raises(httpx.HTTPError) as raised:
        asyncio.run(scenario())

    assert is_transient(raised.value)
