"""Claims and the container's gate on a real Prefect server: however many ask at once, one gets it."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.states import Pending, Submitting
from prefect_northflank.job.claim_gate import environment_of
from prefect_northflank.records.claims import PASSED, Claim
from prefect_northflank.records.flow_runs import FlowRunRecords

pytestmark = pytest.mark.slow
AT_ONCE = 12


def on(prefect, conftest, scenario):
    """Run *scenario* with the records of the server and a flow run that is about to be submitted."""

    async def run():
        async with get_client() as client:
            flow_id = prefect.post("/flows/", {"name": "hello"})["id"]
            flow_run = prefect.post("/flow_runs/", {"flow_id": flow_id})["id"]
            for state in (Pending(), Submitting()):
                await client.set_flow_run_state(flow_run, state)
            return await scenario(FlowRunRecords(client, pool="none"), flow_run)

    with temporary_settings({PREFECT_API_URL: prefect.url, PREFECT_API_AUTH_STRING: conftest.AUTH}):
        return asyncio.run(run())


def test_of_many_claims_upon_one_state_at_most_one_holds(prefect, conftest):
    async def scenario(records, flow_run):
        held = []
        for _ in range(3):
            after = (await records.states(flow_run))[-1].id
            claims = await asyncio.gather(
                *(records.claim(flow_run, after=after, message=str(it)) for it in range(AT_ONCE))
            )
            held.append([claim for claim in claims if claim is not None])
        alone = await records.claim(
            flow_run, after=(await records.states(flow_run))[-1].id, message="alone"
        )
        return held, alone

    held, alone = on(prefect, conftest, scenario)
    assert [len(claims) <= 1 for claims in held] == [True] * 3
    assert alone is not None
    assert alone.gated


def test_of_many_containers_of_one_claim_one_passes_and_none_once_another_claim_came(
    prefect, conftest
):
    async def scenario(records, flow_run):
        after = (await records.states(flow_run))[-1].id
        claim = await records.claim(flow_run, after=after, message="")
        passed = sum(gates(prefect, flow_run, claim, ["pod-1", "pod-2", "pod-3"]))
        states = await records.states(flow_run)
        again = await records.claim(flow_run, after=states[-1].id, message="")
        late = sum(gates(prefect, flow_run, claim, ["pod-4"]))
        return passed, [it.name for it in states], again, late

    passed, names, again, late = on(prefect, conftest, scenario)
    assert passed == 1
    assert names.count(PASSED) == 1
    assert again is not None
    assert late == 0


def gates(prefect, flow_run, claim: Claim, hosts):
    """Let containers ask at the same time whether they may execute the flow run."""
    ask = "import os; exec(os.environ['PREFECT__NORTHFLANK_GATE'].split('if __name__')[0]); print(patiently())"
    env = prefect.environment | environment_of(claim) | {"PREFECT__FLOW_RUN_ID": str(flow_run)}
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", ask],
            env=env | {"HOSTNAME": host},
            stdout=subprocess.PIPE,
            text=True,
        )
        for host in hosts
    ]
    return [it.communicate(timeout=180)[0].strip().endswith("True") for it in asking]
