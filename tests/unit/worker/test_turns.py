"""How many flow runs of a burst are claimed at once, and in which order."""

import asyncio
from uuid import UUID, uuid4

import pytest
from prefect_northflank.flow_run.submit_limit import SubmitLimit

RUNS = [UUID(int=number) for number in range(7)]


def test_flow_runs_have_their_turns_in_order_and_never_more_than_so_many_at_once():
    began, without_waiting, most = [], 0, 0

    async def prepare(turns, flow_run_id):
        nonlocal without_waiting, most
        async with turns.turn(flow_run_id):
            began.append(flow_run_id)
            without_waiting += 1
            most = max(most, without_waiting)
            await asyncio.sleep(0)
            without_waiting -= 1

    async def scenario():
        turns = SubmitLimit(3)
        await asyncio.gather(*(prepare(turns, it) for it in RUNS))

    asyncio.run(scenario())

    assert began == RUNS
    assert most == 3


def test_a_flow_run_that_waits_for_northflank_keeps_nobody_else_waiting():
    async def scenario():
        turns = SubmitLimit(1)
        async with turns.turn(RUNS[0]):
            turns.end(RUNS[0])
            async with turns.turn(RUNS[1]):
                return True

    assert asyncio.run(scenario())


def test_a_turn_that_ended_early_or_in_an_error_is_given_to_one_only():
    began = []

    async def begin(turns):
        async with turns.turn(RUNS[2]):
            began.append(RUNS[2])

    async def fail(turns):
        async with turns.turn(RUNS[0]):
            turns.end(RUNS[0])
            turns.end(RUNS[0])
            raise ZeroDivisionError

    async def scenario():
        turns = SubmitLimit(1)
        with pytest.raises(ZeroDivisionError):
            await fail(turns)
        turns.end(uuid4())
        async with turns.turn(RUNS[1]):
            other = asyncio.create_task(begin(turns))
            await asyncio.sleep(0)
            waited = not began
        await other
        return waited

    assert asyncio.run(scenario())
    assert began == [RUNS[2]]
