"""The worker's --limit counts flow runs, but not the containers of their steps."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import anyio
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect_northflank.flow_run.run_limit import STEPS_TAG, RunLimit, executes_a_step

from metaflow_prefect.runtime.step_containers import child_runs


def run(**more):
    return FlowRun(flow_id=uuid4(), **more)


def child():
    return run(parent_task_run_id=uuid4(), tags=[STEPS_TAG])


def within(check, slots=1):
    """Call *check* with a limit of so many slots, in an event loop."""

    async def scenario():
        check(RunLimit(anyio.CapacityLimiter(slots)))

    asyncio.run(scenario())


def test_only_a_sub_flow_run_with_the_tag_of_steps_executes_a_step():
    assert executes_a_step(child())
    assert not executes_a_step(run(parent_task_run_id=uuid4()))
    assert not executes_a_step(run(tags=[STEPS_TAG]))


def test_the_worker_and_the_runtime_mean_the_same_tag():
    assert child_runs.TAG == STEPS_TAG


def test_the_container_of_a_step_starts_where_all_slots_are_taken():
    def check(limit):
        first, second, sub = run(), run(), child()
        limit.exempt([first, second, sub])
        limit.acquire_on_behalf_of_nowait(first.id)

        limit.acquire_on_behalf_of_nowait(sub.id)
        with pytest.raises(anyio.WouldBlock):
            limit.acquire_on_behalf_of_nowait(second.id)

    within(check)


def test_the_container_of_a_step_gives_no_slot_back():
    def check(limit):
        first, sub = run(), child()
        limit.exempt([sub])
        limit.acquire_on_behalf_of_nowait(first.id)
        limit.acquire_on_behalf_of_nowait(sub.id)

        limit.release_on_behalf_of(sub.id)
        assert limit.available_tokens == 0

        limit.release_on_behalf_of(first.id)
        assert limit.available_tokens == 1

    within(check)


def test_a_flow_run_that_has_no_slot_cannot_give_one_back():
    def check(limit):
        sub = child()
        limit.exempt([sub])
        limit.release_on_behalf_of(sub.id)

        with pytest.raises(RuntimeError):
            limit.release_on_behalf_of(sub.id)

    within(check)


def test_what_goes_on_is_counted_with_and_without_a_slot():
    def check(limit):
        first, sub = run(), child()
        limit.exempt([sub])
        limit.acquire_on_behalf_of_nowait(first.id)
        limit.acquire_on_behalf_of_nowait(sub.id)

        assert (limit.borrowed_tokens, limit.available_tokens) == (2, 1)

    within(check, slots=2)
