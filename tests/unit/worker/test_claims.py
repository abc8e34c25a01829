"""Of all who would start a flow run exactly one may, and exactly one container executes it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from uuid import uuid4

import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import State, StateType
from prefect_northflank.job.claim_gate import COMMAND, environment_of
from prefect_northflank.records.claims import (
    CLAIMED,
    CLAIMED_AGAIN,
    PASSED,
    Claim,
    container_of,
    covered,
    directly_follows,
    name_of_claim,
    submitted,
)
from prefect_northflank.records.flow_runs import FlowRunRecords


def state(name: str, type_: StateType = StateType.PENDING, message: str | None = None) -> State:
    return State(id=uuid4(), type=type_, name=name, message=message)


FLOW_RUN = uuid4()
SCHEDULED = state("Scheduled", StateType.SCHEDULED)
LATE = state("Late", StateType.SCHEDULED)
PENDING, SUBMITTING, CLAIM = state("Pending"), state("Submitting"), state(CLAIMED)
RUNNING = state("Running", StateType.RUNNING)


def test_a_claim_holds_only_directly_behind_the_state_it_was_decided_upon():
    other = state(CLAIMED_AGAIN)

    assert directly_follows([PENDING, SUBMITTING, CLAIM], CLAIM.id, SUBMITTING.id)
    assert not directly_follows([SUBMITTING, other, CLAIM], CLAIM.id, SUBMITTING.id)
    assert not directly_follows([SUBMITTING, CLAIM, other], CLAIM.id, SUBMITTING.id)
    assert not directly_follows([CLAIM], CLAIM.id, SUBMITTING.id)


@pytest.mark.parametrize("before", [None, "Pending", "Submitting", CLAIMED, CLAIMED_AGAIN, PASSED])
def test_a_claim_never_has_the_name_of_the_state_before_it_which_prefect_refuses(before):
    assert name_of_claim(before) != before


@pytest.mark.parametrize(
    ("states", "fresh"),
    [
        ([SCHEDULED, PENDING], True),
        ([SCHEDULED, PENDING, SUBMITTING], True),
        ([PENDING], True),
        ([RUNNING, SCHEDULED, PENDING, SUBMITTING], True),
        ([SCHEDULED, LATE, PENDING, SUBMITTING], True),
        ([SCHEDULED, PENDING, LATE, SUBMITTING], True),
        ([SCHEDULED, PENDING, SUBMITTING, LATE], False),
        ([SCHEDULED, PENDING, CLAIM, LATE, SUBMITTING], False),
        ([SCHEDULED, PENDING, SUBMITTING, CLAIM], False),
        ([SCHEDULED, PENDING, CLAIM, SUBMITTING], False),
        ([PENDING, CLAIM, state(PASSED), SUBMITTING], False),
        ([PENDING, SUBMITTING, RUNNING], False),
        ([SCHEDULED], False),
        ([], False),
    ],
)
def test_a_submission_is_fresh_only_if_nothing_came_between_pending_and_submitting(states, fresh):
    assert submitted(states) == (states[-1] if fresh else None)


def test_the_container_is_the_one_that_passed_under_the_latest_claim():
    one, two = state(PASSED, message="pod-1"), state(PASSED, message="pod-2")

    assert container_of([CLAIM, one, RUNNING]) == "pod-1"
    assert container_of([CLAIM, one, state(CLAIMED_AGAIN), two, RUNNING]) == "pod-2"
    assert container_of([CLAIM, one, state(CLAIMED_AGAIN)]) is None
    assert container_of([PENDING, SUBMITTING]) is None


COMPLETED = state("Completed", StateType.COMPLETED)
FAILED = state("Failed", StateType.FAILED)
CRASHED = state("Crashed", StateType.CRASHED)
RETRY = state("AwaitingRetry", StateType.SCHEDULED)
NO_SLOT_YET = state("AwaitingConcurrencySlot", StateType.SCHEDULED)
NO_SLOT = state("Cancelled", StateType.CANCELLED, "Deployment concurrency limit reached.")
CANCELLED = state("Cancelled", StateType.CANCELLED)
ENDED = [SCHEDULED, PENDING, SUBMITTING, CLAIM, state(PASSED), RUNNING]


@pytest.mark.parametrize(
    ("states", "ended"),
    [
        ([*ENDED, COMPLETED, PENDING], COMPLETED),
        ([*ENDED, COMPLETED, SUBMITTING], COMPLETED),
        ([*ENDED, COMPLETED, PENDING, SUBMITTING, CLAIM], COMPLETED),
        ([*ENDED, FAILED, state(PASSED)], FAILED),
        ([*ENDED, CRASHED, PENDING, LATE, SUBMITTING], CRASHED),
        ([*ENDED, COMPLETED, NO_SLOT_YET, LATE, PENDING], COMPLETED),
        ([*ENDED, COMPLETED, NO_SLOT_YET], COMPLETED),
        ([*ENDED, COMPLETED, NO_SLOT], COMPLETED),
    ],
)
def test_what_starts_leave_behind_upon_a_final_state_has_come_late(states, ended):
    assert covered(states) is ended


@pytest.mark.parametrize(
    "states",
    [
        [],
        [PENDING],
        [LATE, PENDING],
        ENDED,
        [*ENDED, COMPLETED],
        [*ENDED, COMPLETED, PENDING, COMPLETED],
        [*ENDED, CANCELLED],
        [SCHEDULED, NO_SLOT],
        [SCHEDULED, NO_SLOT_YET, LATE, PENDING, SUBMITTING],
        [*ENDED, FAILED, RETRY, PENDING, SUBMITTING],
        [*ENDED, COMPLETED, SCHEDULED, LATE, PENDING, CLAIM],
        [
            *ENDED,
            state("Suspended", StateType.PAUSED),
            state("Resuming", StateType.SCHEDULED),
            CLAIM,
        ],
        [*ENDED, FAILED, state("Pending", message="Retrying on remote infrastructure"), CLAIM],
    ],
)
def test_what_follows_a_scheduled_state_or_was_restarted_on_purpose_is_not_late(states):
    assert covered(states) is None


def test_the_container_gets_the_whole_scripts_its_claim_and_no_template():
    claim = Claim(id=uuid4())
    env = environment_of(claim)

    compile(env["PREFECT__NORTHFLANK_GATE"], "gate", "exec")
    compile(env["PREFECT__NORTHFLANK_PREFORK"], "prefork", "exec")
    assert env["PREFECT__NORTHFLANK_CLAIM"] == str(claim.id)
    assert "${" not in "".join(env.values()) + COMMAND


def claimed_on(
    answer_to_set_state,
    *,
    before: State = PENDING,
    later: Sequence[State] = (),
    interlopers: Sequence[State] = (),
):
    """Claim a flow run that is Submitting, on a server that answers so; *interlopers* get in between.

    The list that the server gives ends with *later*, though the flow run is Submitting.

    Return the claim and the states that the flow run has then.
    """
    written = [before, SUBMITTING, *later]
    coming = list(interlopers)

    def server(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("csrf-token"):
            return httpx.Response(404)
        if request.method == "GET":
            return httpx.Response(200, json=[it.model_dump(mode="json") for it in written])
        written.extend(coming)
        coming.clear()
        proposed = json.loads(request.content)["state"]
        put_back = proposed["type"] != "PENDING"
        body = accepts(State.model_validate(proposed)) if put_back else answer_to_set_state()
        if body["state"]:
            written.append(State.model_validate(body["state"]))
        return httpx.Response(201, json=body)

    async def scenario():
        settings = {"transport": httpx.MockTransport(server)}
        async with PrefectClient("http://prefect.test/api", httpx_settings=settings) as client:
            records = FlowRunRecords(client, pool="nf")
            return await records.claim(FLOW_RUN, after=SUBMITTING.id, message=""), written

    return asyncio.run(scenario())


def accepts(accepted: State = CLAIM):
    return {
        "status": "ACCEPT",
        "details": {"type": "accept_details"},
        "state": accepted.model_dump(mode="json"),
    }


def refuses():
    details = {"type": "abort_details", "reason": "This run is in a PENDING state"}
    return {"status": "ABORT", "details": details, "state": None}


def test_an_accepted_claim_holds_only_if_no_state_came_in_between():
    assert claimed_on(accepts)[0] == Claim(id=CLAIM.id)
    assert claimed_on(accepts, interlopers=[state(CLAIMED_AGAIN)])[0] is None


def test_a_late_that_was_written_before_the_flow_run_was_taken_disturbs_no_claim():
    """The server sorts states by when it was asked for them, not by when it wrote them."""
    claim, states = claimed_on(accepts, later=[LATE])

    assert claim == Claim(id=CLAIM.id)
    assert [it.name for it in states] == ["Pending", "Submitting", "Late", CLAIMED]
    assert claimed_on(accepts, later=[LATE, state("Pending")])[0] is None


def test_a_claim_upon_a_state_that_has_come_late_is_not_even_asked_for():
    claim, states = claimed_on(lambda: pytest.fail("it was asked for"), before=COMPLETED)

    assert claim is None
    assert [it.name for it in states] == ["Completed", "Submitting"]


def test_a_claim_that_arrives_after_the_end_is_none_and_the_final_state_is_put_back():
    ended = state("Done well", StateType.COMPLETED, "All of it")
    claim, states = claimed_on(accepts, interlopers=[state(CLAIMED_AGAIN), RUNNING, ended])

    assert claim is None
    assert [it.name for it in states[-3:]] == ["Done well", CLAIMED, "Done well"]
    assert (states[-1].type, states[-1].message) == (ended.type, ended.message)


def test_a_server_that_knows_no_named_pending_states_is_used_without_a_gate():
    """It refuses even if no state came in between; a claim that is refused because one did is void."""
    assert claimed_on(refuses)[0] == Claim(id=SUBMITTING.id, gated=False)
    assert claimed_on(refuses, interlopers=[state(CLAIMED)])[0] is None
