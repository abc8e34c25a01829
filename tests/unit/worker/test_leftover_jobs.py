"""Jobs of flow runs that are over are deleted, whatever has become of other projects."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timezone
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect_northflank.job.names import lasting_job
from prefect_northflank.recovery.leftover_jobs import LeftoverJobs
from prefect_northflank.recovery.orphan_rules import PoolWorkers

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


class RecordReader:
    """Prefect's records of a flow run in each project."""

    async def latest(self):
        return IN_BOTH

    async def deployments(self):
        return ()

    async def pool_id(self):
        return "pool"

    async def in_pool(self, flow_run_ids):
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
    leftover_jobs = LeftoverJobs(
        records=RecordReader(), client_of=client_of, logger=logging.getLogger("test")
    )
    asyncio.run(leftover_jobs.delete(PoolWorkers(me="me", online=(), in_hand=())))

    assert wire.calls[-1] == f"DELETE /v1/projects/demo/jobs/{job}"
    assert "Could not clean up project deleted" in caplog.text


NIGHTLY = uuid4()
FORMER, NEW = (
    lasting_job("etl", pool="pool", served=str(NIGHTLY), settings=it) for it in ("former", "new")
)


def of_nightly(job: str, state: StateType, *, began: bool = True) -> FlowRun:
    return FlowRun(
        flow_id=uuid4(),
        deployment_id=NIGHTLY,
        state=State(type=state),
        infrastructure_pid=f"-:demo:{job}:r1",
        start_time=datetime.now(timezone.utc) if began else None,
    )


@dataclass
class Nightly(RecordReader):
    """Prefect's records of a deployment's flow runs, newest first."""

    flow_runs: list[FlowRun]

    async def latest(self):
        return self.flow_runs

    async def deployments(self):
        return [NIGHTLY]

    async def begun(self, _):
        return [it for it in self.flow_runs if it.start_time]

    async def in_pool(self, _):
        return ()

    async def unfinished(self):
        return [it for it in self.flow_runs if it.state.type is StateType.PENDING]


@pytest.fixture
def deleted(client, wire):
    """Delete leftover jobs; return the lasting jobs it asked Northflank to delete, each time it did."""

    def deleted(*flow_runs, answer=lambda: httpx.Response(200, json={"data": {}})):
        def northflank(request):
            if request.method == "DELETE":
                return answer()
            listed = {"jobs": [{"id": it, "name": it} for it in (FORMER, NEW)], "runs": []}
            return httpx.Response(200, json={"data": listed})

        async def client_of(_):
            return client

        wire.answer = northflank
        leftover_jobs = LeftoverJobs(
            records=Nightly(list(flow_runs)), client_of=client_of, logger=logging.getLogger("test")
        )
        asyncio.run(leftover_jobs.delete(PoolWorkers(me="me", online=(), in_hand=())))
        return [it.rpartition("/")[2] for it in wire.calls if it.startswith("DELETE")]

    return deleted


IN_FORMER = of_nightly(FORMER, StateType.COMPLETED)
IN_NEW = of_nightly(NEW, StateType.COMPLETED)


def test_a_superseded_lasting_job_is_deleted(deleted):
    assert deleted(IN_NEW, IN_FORMER) == [FORMER]


def test_a_superseded_lasting_job_is_not_deleted_a_second_time_after_no_answer(deleted):
    """By then a flow run may have been started in it."""
    assert deleted(IN_NEW, IN_FORMER, answer=lambda: httpx.ReadTimeout("slow")) == [FORMER]


def test_a_lasting_job_stays_while_a_retry_may_be_started_in_it(deleted):
    """Its record says where it was before, until the worker writes where it is going to start it."""
    assert deleted(of_nightly(NEW, StateType.PENDING), IN_FORMER) == []


def test_a_new_lasting_job_in_which_no_flow_run_has_begun_stays(deleted):
    """It is not a former one, and has the log that says why."""
    assert deleted(of_nightly(NEW, StateType.CRASHED, began=False), IN_FORMER) == []
