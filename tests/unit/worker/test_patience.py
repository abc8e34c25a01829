"""A Prefect server that is busy is asked again; it makes no flow run crash."""

from __future__ import annotations

import asyncio
import json
from uuid import uuid4

import httpx
import pytest
from prefect.client.schemas.objects import Flow, FlowRun
from prefect.exceptions import ObjectNotFound
from prefect_northflank import NorthflankJobConfiguration, NorthflankWorker
from prefect_northflank import patience as patience_module
from prefect_northflank.patience import TRIES, asked_again, is_passing
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
        ObjectNotFound(http_exc=status(404, text="<html>nginx</html>")),
        pytest.param(another_shape(), id="another shape"),
    ],
    ids=str,
)
def test_a_question_is_asked_again_until_it_is_answered(trouble, time):
    busy = Busy(*[trouble] * 5)

    assert asyncio.run(asked_again(busy, sleep=time.sleep)) == "answer"
    assert (busy.asked, is_passing(trouble)) == (6, True)


GONE = ObjectNotFound(http_exc=status(404, text='{"detail": "Flow not found"}'))


@pytest.mark.parametrize(
    ("troubles", "asked"), [([status(422)], 1), ([GONE], 1), ([status(503)] * 99, TRIES)]
)
def test_what_does_not_pass_is_raised(troubles, asked, time):
    busy = Busy(*troubles)

    with pytest.raises((httpx.HTTPStatusError, ObjectNotFound)):
        asyncio.run(asked_again(busy, sleep=time.sleep))
    assert busy.asked == asked


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr(patience_module, "FIRST_WAIT_SECONDS", 0.0)


@pytest.mark.parametrize("failures", [3, 99])
def test_a_server_too_busy_for_labels_makes_no_flow_run_crash(failures, no_waiting):
    """Prefect's base worker writes them before it hands the flow run to us, and takes a failure for a crash."""
    worker = NorthflankWorker(work_pool_name="nf", name="me")
    worker._client = busy = Busy(*[status(503)] * failures)  # noqa: SLF001 (what `setup` would open)

    asyncio.run(worker._give_worker_labels_to_flow_run(uuid4()))  # noqa: SLF001 (called by the base worker)

    assert busy.asked == min(failures + 1, TRIES)


def test_a_server_too_busy_for_the_configuration_is_asked_again(no_waiting):
    # The flow is the first thing asked for; a flow run without its flow is the end of the matter.
    gone = ObjectNotFound(http_exc=status(404, text="{}", path="/api/flows/1"))
    busy = Busy(status(503), httpx.ReadError("reset"), gone)

    with pytest.raises(ObjectNotFound, match=r"its flow no longer exists in Prefect\. Fix: deploy"):
        asyncio.run(
            NorthflankJobConfiguration.resolve_for_flow_run(
                FlowRun(flow_id=uuid4()), client=busy, work_pool=None, worker_name="me"
            )
        )
    assert busy.asked == 3
