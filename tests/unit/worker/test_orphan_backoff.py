"""Failed attempts at an orphan are repeated, but less and less often."""

from __future__ import annotations

from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect_northflank.recovery.orphan_rules import Backoff

FLOW_RUN = FlowRun(id=uuid4(), flow_id=uuid4(), state_id=uuid4(), infrastructure_pid="-:demo:j:r1")


@pytest.fixture
def attempts():
    return Backoff(30.0, 300.0)


def tried(attempts, *, seconds: int, flow_run: FlowRun = FLOW_RUN) -> list[int]:
    """Return when a worker that looks every second tried the flow run."""
    times = []
    for now in range(seconds):
        if attempts.is_due(flow_run, now=now):
            attempts.note(flow_run, now=now)
            times.append(now)
    return times


def test_the_waits_double_up_to_the_longest(attempts):
    assert tried(attempts, seconds=1300) == [0, 30, 90, 210, 450, 750, 1050]


@pytest.mark.parametrize(
    "change", [{"state_id": uuid4()}, {"infrastructure_pid": "-:demo:j:r2"}], ids=["state", "run"]
)
def test_a_flow_run_that_has_changed_is_tried_at_once(attempts, change):
    tried(attempts, seconds=100)
    changed = FLOW_RUN.model_copy(update=change)

    assert attempts.is_due(changed, now=101)
    attempts.note(changed, now=101)
    assert attempts.is_due(changed, now=131)


def test_a_flow_run_that_is_over_is_forgotten(attempts):
    attempts.note(FLOW_RUN, now=0)
    attempts.forget_all_but([])

    assert attempts.is_due(FLOW_RUN, now=1)
