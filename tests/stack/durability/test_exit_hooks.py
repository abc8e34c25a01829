"""@exit_hook runs however a flow run ends, as long as anybody is left to run it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path
from uuid import UUID

import pytest
from prefect import get_client
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling

from tests.stack.durability.container import Container, children
from tests.stack.durability.kills import pool
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

FLOW = Path(__file__).parent / "hooked_flow.py"


@pytest.fixture(scope="module")
def deployed(prefect_server, tmp_path_factory):
    """The container of a deployment whose flow waits to be ended."""
    folder = tmp_path_factory.mktemp("hooked")
    log = {"HOOKED_LOG": str(folder / "hooked.log")}
    container = Container(folder, {**prefect_server.environment, **log})
    container.command(
        str(FLOW), "prefect", "deploy", "--work-pool", pool(prefect_server.environment)
    )
    return container


def kill_the_flow(process: subprocess.Popen[bytes], _run: UUID) -> None:
    (flow,) = children(process.pid)
    os.kill(flow, signal.SIGKILL)


def terminate_the_flow(process: subprocess.Popen[bytes], _run: UUID) -> None:
    (flow,) = children(process.pid)
    os.kill(flow, signal.SIGTERM)


def cancel(_process: subprocess.Popen[bytes], run: UUID) -> None:
    async def ask() -> None:
        async with get_client() as client:
            await client.set_flow_run_state(run, Cancelling())

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (kill_the_flow, StateType.CRASHED),
        (terminate_the_flow, StateType.CRASHED),
        (cancel, StateType.CANCELLED),
    ],
)
def test_the_hook_for_errors_runs_once_with_the_run(deployed, prefect_server, end, expected):
    log = deployed.folder / "hooked.log"
    log.unlink(missing_ok=True)
    deployed.trigger(FLOW)
    run = UUID(deployed.run_id.removeprefix("prefect-"))
    process = deployed.start()
    try:
        wait_until(log.exists, "the flow waits", seconds=300)
        with temporary_settings({PREFECT_API_URL: prefect_server.url}):
            end(process, run)
            process.wait(120)
            state = asyncio.run(_state(run))
    finally:
        deployed.end(process)

    assert state is expected
    assert log.read_text().splitlines() == [
        "waiting",
        f"HookedFlow/{deployed.run_id} failed, finished: False",
    ]


async def _state(run: UUID) -> StateType | None:
    async with get_client() as client:
        return (await client.read_flow_run(run)).state_type
