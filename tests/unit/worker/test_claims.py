"""Of all who would start a flow run exactly one may, and exactly one container executes it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from prefect.client.schemas.objects import State, StateType
from prefect_northflank.claims import (
    CLAIMED,
    CLAIMED_AGAIN,
    PASSED,
    Claim,
    container_of,
    directly_follows,
    name_of_claim,
    submitted,
)
from prefect_northflank.gate import COMMAND, environment_of


def state(name: str, type_: StateType = StateType.PENDING, message: str | None = None) -> State:
    return State(id=uuid4(), type=type_, name=name, message=message)


SCHEDULED = state("Scheduled", StateType.SCHEDULED)
PENDING, SUBMITTING, CLAIM = state("Pending"), state("Submitting"), state(CLAIMED)
RUNNING = state("Running", StateType.RUNNING)


def test_a_claim_holds_only_directly_behind_the_state_it_was_decided_upon():
    other = state(CLAIMED_AGAIN)

    assert directly_follows([PENDING, SUBMITTING, CLAIM], CLAIM.id, SUBMITTING.id)
    assert not directly_follows([SUBMITTING, other, CLAIM], CLAIM.id, SUBMITTING.id)
    assert not directly_follows([SUBMITTING, CLAIM, other], CLAIM.id, SUBMITTING.id)
    assert not directly_follows([CLAIM], CLAIM.id, SUBMITTING.id)


@pytest.mark.parametrize("before", [None, "Pending", "Submitting", CLAIMED, CLAIMED_AGAIN, PASSED])
def test_a_claim_never_has_the_name_of_the_state_before_it_which_prefect_would_refuse(before):
    assert name_of_claim(before) != before


@pytest.mark.parametrize(
    ("states", "fresh"),
    [
        ([SCHEDULED, PENDING], True),
        ([SCHEDULED, PENDING, SUBMITTING], True),
        ([PENDING], True),
        ([RUNNING, SCHEDULED, PENDING, SUBMITTING], True),
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


def test_the_container_gets_the_whole_script_its_claim_and_no_template():
    claim = Claim(id=uuid4())
    env = environment_of(claim)

    compile(env["PREFECT__NORTHFLANK_GATE"], "gate", "exec")
    assert env["PREFECT__NORTHFLANK_CLAIM"] == str(claim.id)
    assert "${" not in env["PREFECT__NORTHFLANK_GATE"] + COMMAND
