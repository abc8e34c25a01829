"""Jobs of flow runs that are over are deleted, whatever has become of other projects."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID, uuid4

import httpx
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect_northflank.adoption import Company
from prefect_northflank.janitor import Janitor

OVER = State(type=StateType.COMPLETED, name="Completed")
IN_BOTH = [
    FlowRun(
        id=UUID(int=number),
        flow_id=uuid4(),
        state=OVER,
        infrastructure_pid=f"-:{project}:etl-{UUID(int=number).hex}-c0de:r1",
    )
    for number, project in enumerate(["deleted", "demo"], start=1)
]


class Ledger:
    """Prefect's records of a flow run in each project."""

    async def latest(self):
        return IN_BOTH

    async def deployments(self):
        return ()

    async def pool_id(self):
        return "pool"

    async def of_pool(self, flow_run_ids):
        return [it for it in IN_BOTH if it.id in flow_run_ids]


def test_a_project_that_is_gone_keeps_no_job_of_another_from_being_deleted(client, wire, caplog):
    job = f"etl-{IN_BOTH[1].id.hex}-c0de"

    def northflank(request):
        if "/projects/demo" not in request.url.path:
            return httpx.Response(404, json={"error": {"message": "Not found"}})
        listed = {"jobs": [{"id": job, "name": job}], "runs": []}
        return httpx.Response(200, json={"data": listed})

    async def client_of(_):
        return client

    wire.answer = northflank
    janitor = Janitor(ledger=Ledger(), client_of=client_of, logger=logging.getLogger("test"))
    asyncio.run(janitor.round(Company(me="me", online=(), in_hand=())))

    assert wire.calls[-1] == f"DELETE /v1/projects/demo/jobs/{job}"
    assert "Could not tidy project deleted" in caplog.text
