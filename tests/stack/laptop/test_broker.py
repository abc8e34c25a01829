"""The broker of a run, asked by many tasks over its socket, makes few calls and keeps to its limits."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from uuid import uuid4

import pytest
from metaflow_northflank.run.broker_process import BrokerProcess
from northflank_emulator import Emulator
from northflank_emulator.execution.scripted import Outcome
from northflank_emulator.settings import Settings

TASKS, AT_ONCE = 500, 50
CALLS_BESIDE_STARTS = 100

NEEDS = {
    "amounts": {"cpu": "1", "memory": "4096"}, "plan": None, "gpu_type": None, "image": "python:3.11",
    "job_variables": {}, "max_containers": None, "deadline": 600,
}  # fmt: skip

pytestmark = pytest.mark.slow


@contextmanager
def broker(emulator, monkeypatch, **changes):
    monkeypatch.setenv("NORTHFLANK_API_TOKEN", emulator.token)
    monkeypatch.setenv("NORTHFLANK_API_BASE_URL", emulator.base_url)
    process = BrokerProcess()
    process.start()
    try:
        asked = {
            "flow": "WideFlow", "run_id": "1", "nonce": uuid4().hex, "user": "ann", "project": "demo",
            "team": None, "max_containers": TASKS, "leave": False,
            "steps": {"work": NEEDS}, **changes,
        }  # fmt: skip
        answer = process.prepare(**asked)
        assert answer["refused"] == []
        yield process
    finally:
        process.close()


async def one_task(path, seconds, running=None):
    """Ask as the process of a slow task does; return the job run. *running* counts those at the same time, and the most."""
    reader, writer = await asyncio.open_unix_connection(path)

    async def tell(**message):
        writer.write(json.dumps(message).encode() + b"\n")
        await writer.drain()

    await tell(ask="start", step="work", command="sleep 1", variables={"A": "1"}, token=uuid4().hex)
    while (news := json.loads(await reader.readline()))["news"] != "started":
        if news["news"] == "token":
            await tell(ask="recorded", token=news["token"])
    if running is not None:
        running["now"] += 1
        running["most"] = max(running["most"], running["now"])
    await tell(ask="waits")
    await asyncio.sleep(seconds)
    if running is not None:
        running["now"] -= 1
    await tell(ask="done", code=0, abort=False)
    writer.close()
    return news["run"]


def test_500_tasks_take_as_many_calls_as_starts_and_few_more(monkeypatch):
    """Each of them asks what its container waits for."""

    async def all_tasks(path):
        places = asyncio.Semaphore(AT_ONCE)

        async def one():
            async with places:
                return await one_task(path, 0.5)

        return await asyncio.gather(*(one() for _ in range(TASKS)))

    outcomes = [Outcome(seconds=2.0)] * TASKS
    with (
        Emulator(Settings(rate_limit=1000), outcomes=outcomes) as emulator,
        broker(emulator, monkeypatch) as process,
    ):
        runs = asyncio.run(all_tasks(process.path))
        process.finish(leave=False)
        operations = [request.operation for request in emulator.requests]

    assert len(set(runs)) == TASKS
    assert operations.count("start.job.run") == TASKS
    assert len(operations) - TASKS <= CALLS_BESIDE_STARTS


@pytest.mark.parametrize(
    "limit", [{"max_containers": 3}, {"steps": {"work": {**NEEDS, "max_containers": 3}}}]
)
def test_no_more_containers_run_at_the_same_time_than_the_run_and_the_step_allow(
    limit, monkeypatch
):
    running = {"now": 0, "most": 0}

    async def all_tasks(path):
        await asyncio.gather(*(one_task(path, 0.2, running) for _ in range(12)))

    with (
        Emulator(Settings(rate_limit=None), outcomes=[Outcome(seconds=0.1)] * 12) as emulator,
        broker(emulator, monkeypatch, **limit) as process,
    ):
        asyncio.run(all_tasks(process.path))

    assert running["most"] == 3
