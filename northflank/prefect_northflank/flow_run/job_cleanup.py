"""Deletes the job of a flow run that is over, once its container has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.errors import NotFound
from prefect_northflank.records.infrastructure_pid import InfrastructurePid

FIRST_WAIT_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 60.0


async def delete_ended_job(
    client: NorthflankClient,
    pid: InfrastructurePid,
    *,
    ended: bool,
    max_wait_seconds: float,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Delete the job once its container has ended, or *max_wait_seconds* have passed.

    A flow run is final before its container ends: hooks run and logs are sent after the last state.
    """
    waited, wait = 0.0, FIRST_WAIT_SECONDS
    while not ended and waited < max_wait_seconds and not await _has_ended(client, pid):
        await sleep(wait)
        waited += wait
        wait = min(wait * 2, LONGEST_WAIT_SECONDS)
    try:
        await client.delete_job(pid.project, pid.job)
    except NotFound:
        return


async def _has_ended(client: NorthflankClient, pid: InfrastructurePid) -> bool:
    if pid.run is None:
        return True
    try:
        return (await client.run(pid.project, pid.job, pid.run)).concluded
    except NotFound:
        return True
