"""What becomes of a flow run between its being offered and its being claimed; Prefect's answers are given by hand."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import anyio
import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.settings import (
    PREFECT_API_KEY,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)
from prefect_northflank import NorthflankJobConfiguration, NorthflankWorker
from prefect_northflank.accounts import Accounts
from prefect_northflank.errors import NorthflankError
from prefect_northflank.flow_run.submission import ClaimBasis, FlowRunSubmission, Submitter
from prefect_northflank.intervals import Intervals
from prefect_northflank.records.flow_runs import FlowRunRecords

FLOW_RUN = FlowRun(
    id=UUID("07db3792-88ef-4719-9ee0-0da0dedca33b"), flow_id=UUID(int=2), name="amber-bat"
)
SUBMITTING = State(id=uuid4(), type=StateType.PENDING, name="Submitting")
CLAIM = State(id=uuid4(), type=StateType.PENDING, name="InfrastructurePending")


@asynccontextmanager
async def prefect(answer):
    """A client of a Prefect that answers so, at once and without being asked again."""

    def server(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("csrf-token"):
            return httpx.Response(404)
        return answer(request)

    given = {
        PREFECT_CLIENT_MAX_RETRIES: 0,
        PREFECT_LOGGING_TO_API_ENABLED: False,
        PREFECT_API_KEY: "pnu_1",  # so that a start begins with the secret group
    }
    settings = {"transport": httpx.MockTransport(server)}
    with temporary_settings(given):
        async with PrefectClient("http://prefect.test/api", httpx_settings=settings) as client:
            yield client


async def in_turn(answer, *, offered: bool, flow_run=FLOW_RUN) -> tuple[bool, float]:
    """Let the flow run have its turn; return whether it is still in hand, and how many slots of --limit are taken."""
    async with prefect(answer) as client:
        worker = NorthflankWorker(work_pool_name="nf")
        worker._client = client  # noqa: SLF001  what `setup` would open
        worker._limiter = anyio.CapacityLimiter(1)  # noqa: SLF001  as with --limit 1
        entries = [
            WorkerFlowRunResponse(work_pool_id=uuid4(), work_queue_id=uuid4(), flow_run=flow_run)
        ]
        worker._in_hand.add(FLOW_RUN.id)  # noqa: SLF001  offered, and not submitted by the base worker
        await worker._submit_scheduled_flow_runs(entries if offered else [])  # noqa: SLF001
        worker._in_hand.clear()  # noqa: SLF001
        worker._submitting_flow_run_ids.add(FLOW_RUN.id)  # noqa: SLF001  as the base worker does
        worker.limiter.acquire_on_behalf_of_nowait(FLOW_RUN.id)
        await worker._submit_run(flow_run)  # noqa: SLF001
        return FLOW_RUN.id in worker._submitting_flow_run_ids, worker.limiter.borrowed_tokens  # noqa: SLF001


def unexpected(request: httpx.Request) -> httpx.Response:
    pytest.fail(f"{request.url} was asked for")


def taken(_request: httpx.Request) -> httpx.Response:
    """Another worker has taken the flow run."""
    found = FLOW_RUN.model_copy(update={"state": SUBMITTING, "state_id": SUBMITTING.id})
    return httpx.Response(200, json=[found.model_dump(mode="json")])


@pytest.mark.parametrize(
    ("answer", "offered"),
    [
        (unexpected, False),
        (lambda _: httpx.Response(200, json=[]), True),
        (taken, True),
        (lambda _: httpx.Response(503), True),
        (lambda _: httpx.Response(401), True),
        (lambda _: httpx.Response(302, headers={"location": "/login"}), True),
        (lambda _: httpx.Response(200, text="<html>"), True),
        (lambda _: httpx.Response(200, text='[{"id": "07db'), True),
        (lambda _: httpx.Response(200, json={"status": "maintenance"}), True),
        (lambda _: httpx.Response(422, json={}), True),
    ],
    ids=[
        "not offered any more",
        "deleted",
        "taken by another worker",
        "503",
        "401",
        "302",
        "a page",
        "cut off",
        "another shape",
        "422",
    ],
)
def test_a_flow_run_that_is_not_submitted_in_its_turn_is_let_go(answer, offered):
    assert asyncio.run(in_turn(answer, offered=offered)) == (False, 0)


def test_a_flow_run_whose_deployment_was_deleted_meanwhile_is_cancelled_in_words(caplog):
    """Prefect's base worker logs a traceback that ends in `ObjectNotFound: None`."""
    waiting = FLOW_RUN.model_copy(
        update={"deployment_id": uuid4(), "state": State(id=uuid4(), type=StateType.SCHEDULED)}
    )
    sent = []

    def server(request: httpx.Request) -> httpx.Response:
        if "/deployments/" in request.url.path:
            return httpx.Response(404, json={"detail": "Deployment not found"})
        if request.url.path.endswith("set_state"):
            sent.append(json.loads(request.content)["state"])
            accepted = {"status": "ACCEPT", "details": {"type": "accept_details"}, "state": None}
            return httpx.Response(201, json=accepted)
        return httpx.Response(200, json=[waiting.model_dump(mode="json")])

    assert asyncio.run(in_turn(server, offered=True, flow_run=waiting)) == (False, 0)

    assert [(it["type"], it["message"]) for it in sent] == [
        ("CANCELLED", "Cancelled: its deployment was deleted while it waited.")
    ]
    assert "its deployment was deleted" in caplog.text
    assert "ObjectNotFound" not in caplog.text


def test_a_page_instead_of_the_deployment_does_not_cancel_the_flow_run():
    waiting = FLOW_RUN.model_copy(
        update={"deployment_id": uuid4(), "state": State(id=uuid4(), type=StateType.SCHEDULED)}
    )

    def server(request: httpx.Request) -> httpx.Response:
        assert not request.url.path.endswith("set_state")
        if "/deployments/" in request.url.path:
            return httpx.Response(404, text="<html>nginx</html>")
        return httpx.Response(200, json=[waiting.model_dump(mode="json")])

    assert asyncio.run(in_turn(server, offered=True, flow_run=waiting)) == (False, 0)


COMPLETED = State(id=uuid4(), type=StateType.COMPLETED, name="Completed")
PENDING = State(id=uuid4(), type=StateType.PENDING, name="Pending")
NO_SLOT_YET = State(id=uuid4(), type=StateType.SCHEDULED, name="AwaitingConcurrencySlot")


def asked_for(*states, ask, trouble=()):
    """Let a worker *ask* Prefect for a state of a flow run with this history; return the states asked for, by name.

    Asked for the history, Prefect answers *trouble* first.
    """
    asked, before = [], list(trouble)

    def server(request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and before:
            return before.pop(0)
        if request.method == "GET":
            return httpx.Response(200, json=[it.model_dump(mode="json") for it in states])
        asked.append(json.loads(request.content)["state"]["name"])
        details = {"type": "abort_details", "reason": "no"}
        answer = {"status": "ABORT", "details": details, "state": None}
        return httpx.Response(201, json=answer)

    async def scenario():
        async with prefect(server) as client:
            worker = NorthflankWorker(work_pool_name="nf")
            worker._client = client  # noqa: SLF001  what `setup` would open
            await ask(worker)

    asyncio.run(scenario())
    return asked


def test_a_flow_run_that_was_over_is_not_reported_as_one_that_could_not_be_started():
    async def ask(worker):
        await worker._propose_crashed_state(FLOW_RUN, "its block is gone")  # noqa: SLF001  Prefect's hook

    assert asked_for(COMPLETED, PENDING, ask=ask) == ["Completed"]
    assert asked_for(NO_SLOT_YET, PENDING, ask=ask) == ["Crashed"]


@pytest.mark.parametrize(("times", "asked"), [(3, ["Completed"]), (99, [])])
def test_a_flow_run_is_not_crashed_before_prefect_says_that_it_was_not_over(
    times, asked, no_waiting
):
    async def ask(worker):
        await worker._propose_crashed_state(FLOW_RUN, "its block is gone")  # noqa: SLF001  Prefect's hook

    trouble = [httpx.Response(401)] * times
    assert asked_for(COMPLETED, PENDING, ask=ask, trouble=trouble) == asked


def test_a_flow_run_that_was_over_does_not_wait_for_a_slot_of_its_deployment():
    async def ask(worker):
        await worker._propose_pending_state(FLOW_RUN)  # noqa: SLF001  Prefect's hook

    assert asked_for(COMPLETED, NO_SLOT_YET, ask=ask) == ["Pending", "Completed"]
    assert asked_for(PENDING, NO_SLOT_YET, ask=ask) == ["Pending"]


def test_a_turn_ends_before_northflank_is_asked_for_anything(wire):
    claimed = []

    def server(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            states = [SUBMITTING, *([CLAIM] if written else [])]
            return httpx.Response(200, json=[it.model_dump(mode="json") for it in states])
        if request.url.path.endswith("set_state"):
            written.append(CLAIM)
            accepted = {"status": "ACCEPT", "details": {"type": "accept_details"}}
            return httpx.Response(201, json=accepted | {"state": CLAIM.model_dump(mode="json")})
        return httpx.Response(200, json=[])

    def northflank(_request: httpx.Request) -> httpx.Response:
        asked.append(list(claimed))
        return httpx.Response(400, json={"error": {"message": "no"}})

    written, asked = [], []
    wire.answer = northflank
    configuration = NorthflankJobConfiguration(
        credentials={"api_token": "t"}, project_id="demo", deployment_external_image_path="x:1"
    )

    async def scenario():
        accounts = Accounts(
            intervals=Intervals(),
            logger=logging.getLogger("test"),
            transport=httpx.MockTransport(wire),
        )
        async with prefect(server) as client:
            configuration.prepare_for_flow_run(FLOW_RUN)
            submitter = Submitter(
                accounts=accounts,
                records=FlowRunRecords(client, pool="nf"),
                pool="nf",
                on_claim=claimed.append,
            )
            submission = FlowRunSubmission(flow_run=FLOW_RUN, configuration=configuration)
            await submitter.submit(
                submission, ClaimBasis(state_id=SUBMITTING.id), log=logging.getLogger("test")
            )

    with pytest.raises(NorthflankError):
        asyncio.run(scenario())

    assert claimed == [FLOW_RUN.id]
    assert wire.calls == ["POST /v1/tags"]
    assert asked == [[FLOW_RUN.id]]
