"""What happens to containers, and what the worker makes of it: each fault of the emulator's once, from pool to end."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from northflank_emulator.faults import Fault, FaultKind
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.states import Pending
from prefect_northflank import NorthflankJobConfiguration, NorthflankWorker

pytestmark = pytest.mark.slow

FAULTS = {
    "crashed": Fault(kind=FaultKind.CRASH, job="crashed-*", seconds=0.3, times=1),
    "evicted": Fault(kind=FaultKind.EVICTION, job="evicted-*", seconds=0.3, times=1),
    "unpullable": Fault(kind=FaultKind.IMAGE_PULL, job="unpullable-*"),
    "unscheduled": Fault(kind=FaultKind.NEVER_SCHEDULED, job="unscheduled-*"),
}


def test_containers_lost_before_the_flow_are_replaced_those_that_never_come_given_up(
    served, prefect, emulator, conftest, tmp_path
):
    with ExitStack() as stack:
        for fault in FAULTS.values():
            stack.enter_context(emulator.fault(fault))
        flow_runs = {
            name: prefect.trigger(
                served.deploy("hello", name=name, pending_timeout_seconds=8)
                if name.startswith("un")
                else served.deploy("hello", name=name),
                marker=str(tmp_path / name),
            )
            for name in FAULTS
        }
        ended = {name: prefect.wait_for(it) for name, it in flow_runs.items()}
    states = {name: it["state_type"] for name, it in ended.items()}

    assert states == {
        "crashed": "COMPLETED",
        "evicted": "COMPLETED",
        "unpullable": "CRASHED",
        "unscheduled": "CRASHED",
    }
    assert [(tmp_path / name).read_text() for name in ("crashed", "evicted")] == ["x", "x"]
    for name in ("unpullable", "unscheduled"):
        assert "pending_timeout_seconds (8 s)" in ended[name]["state"]["message"]
        assert "never ran" in ended[name]["state"]["message"]
        assert not (tmp_path / name).exists()
        assert "waits for a machine" in prefect.logs(flow_runs[name])
    conftest.wait_until(
        lambda: not [job for job in served.northflank.jobs() if job.split("-")[0] in FAULTS],
        "no job is left",
    )


def test_a_container_that_ignores_being_cancelled_is_deleted_after_prefects_timeout(
    served, prefect, conftest
):
    # It has begun, so it ought to cancel itself; it knows nothing of Prefect, so it does not.
    deployment = served.deploy("hello", command="sleep 170")
    flow_run = prefect.trigger(deployment)
    conftest.wait_until(
        lambda: (prefect.flow_run(flow_run).get("infrastructure_pid") or ":").split(":")[-1],
        "its job run is recorded",
    )
    prefect.set_state(flow_run, "RUNNING", "Running")

    prefect.set_state(flow_run, "CANCELLING", "Cancelling")

    assert prefect.wait_for(flow_run)["state_type"] == "CANCELLED"
    conftest.wait_until(
        lambda: not [job for job in served.northflank.jobs() if flow_run.hex in job],
        "the job run is aborted and its job deleted",
        patience=120,
    )


def test_a_run_that_was_only_initiated_is_found_by_the_search_for_unwatched_runs(
    pool, prefect, conftest, tmp_path, monkeypatch
):
    for name, value in pool.environment.items():
        if name.startswith(("PREFECT_NORTHFLANK_", "NORTHFLANK_")):
            monkeypatch.setenv(name, value)
    marker = tmp_path / "marker"
    deployment = pool.deploy("hello")

    async def scenario():
        async with NorthflankWorker(work_pool_name=pool.name) as worker, get_client() as client:
            flow_run = await client.create_flow_run_from_deployment(
                deployment, parameters={"marker": str(marker)}
            )
            await client.set_flow_run_state(flow_run.id, Pending())
            configuration = await NorthflankJobConfiguration.resolve_for_flow_run(
                flow_run,
                client=client,
                work_pool=worker.work_pool,
                worker_name=worker.name,
                worker_id=worker.backend_id,
            )
            await worker._initiate_run(flow_run, configuration)  # noqa: SLF001 (Prefect's hook, called by `submit`)
            initiated = await asyncio.to_thread(prefect.state, flow_run.id)
            ended = await asyncio.to_thread(prefect.wait_for, flow_run.id)
            await asyncio.to_thread(
                conftest.wait_until,
                lambda: not [it for it in pool.northflank.jobs() if flow_run.id.hex in it],
                "its job is deleted",
            )
            return initiated, ended["state_type"]

    with temporary_settings({PREFECT_API_URL: prefect.url, PREFECT_API_AUTH_STRING: conftest.AUTH}):
        states = asyncio.run(scenario())

    assert states == ("PENDING", "COMPLETED")
    assert marker.read_text() == "x"
