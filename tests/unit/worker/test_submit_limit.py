"""How many flow runs of a burst are submitted at once, and in which order."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest
from prefect_northflank.flow_run.submit_limit import SubmitLimit

RUNS = [UUID(int=number) for number in range(7)]


def test_flow_runs_get_slots_in_order_and_never_more_than_the_limit_at_once():
    began, at_once, most = [], 0, 0

    async def prepare(limit, flow_run_id):
        nonlocal at_once, most
        async with limit.slot(flow_run_id):
            began.append(flow_run_id)
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0)
            at_once -= 1

    async def scenario():
        limit = SubmitLimit(3)
        await asyncio.gather(*(prepare(limit, it) for it in RUNS))

    asyncio.run(scenario())

    assert began == RUNS
    assert most == 3


def test_a_flow_run_that_waits_for_northflank_holds_no_slot():
    async def scenario():
        limit = SubmitLimit(1)
        async with limit.slot(RUNS[0]):
            limit.release(RUNS[0])
            async with limit.slot(RUNS[1]):
                return True

    assert asyncio.run(scenario())


def test_a_slot_released_early_or_by_an_error_goes_to_one_flow_run_only():
    began = []

    async def begin(limit):
        async with limit.slot(RUNS[2]):
            began.append(RUNS[2])

    async def fail(limit):
        async with limit.slot(RUNS[0]):
            limit.release(RUNS[0])
            limit.release(RUNS[0])
            raise ZeroDivisionError

    async def scenario():
        limit = SubmitLimit(1)
        with pytest.raises(ZeroDivisionError):
            await fail(limit)
        limit.release(uuid4())
        async with limit.slot(RUNS[1]):
            other = asyncio.create_task(begin(limit))
            await asyncio.sleep(0)
            waited = not began
        await other
        return waited

    assert asyncio.run(scenario())
    assert began == [RUNS[2]]
