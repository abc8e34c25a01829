"""Workers that stop, die, come back and come in twos: nothing lost, nothing twice, nothing left."""

from __future__ import annotations

import signal

import pytest
from northflank_emulator.faults import Fault, FaultKind

from tests.stack.worker.soak import faults_at, soak
from tests.support import quick_start

pytestmark = pytest.mark.slow


def leftovers(pool, flow_runs):
    return [job for job in pool.northflank.jobs() if any(run.hex in job for run in flow_runs)]


def test_sigterm_ends_the_worker_promptly_and_the_next_one_finishes_watching(
    pool, prefect, conftest, tmp_path
):
    marker = tmp_path / "marker"
    deployment = pool.deploy("hello")
    with pool.worker() as worker:
        flow_run = prefect.trigger(deployment, seconds=25, marker=str(marker))
        conftest.wait_until(marker.exists, "the flow has begun")

        assert worker.stop(signal.SIGTERM) < 15
        assert prefect.state(flow_run) == "RUNNING"
        assert leftovers(pool, [flow_run]), "the job is left alone"

    with pool.worker():
        assert prefect.wait_for(flow_run)["state_type"] == "COMPLETED"
        conftest.wait_until(
            lambda: not leftovers(pool, [flow_run]), "the adopted run's job is deleted"
        )
    assert marker.read_text() == "x"


def test_a_container_that_died_while_no_worker_was_there_is_reported_by_the_next(
    pool, prefect, conftest, tmp_path
):
    marker = tmp_path / "marker"
    deployment = pool.deploy("dies", env=quick_start.COLD)
    with pool.worker() as worker:
        flow_run = prefect.trigger(deployment, marker=str(marker))
        # The job is recorded before its run is started, the run after that.
        conftest.wait_until(
            lambda: (prefect.flow_run(flow_run).get("infrastructure_pid") or ":").split(":")[-1],
            "it has been started",
        )
        worker.stop(signal.SIGKILL)
    conftest.wait_until(marker.exists, "the flow has begun")

    with pool.worker():
        assert prefect.wait_for(flow_run)["state_type"] == "CRASHED"
    assert marker.read_text() == "x"


def test_a_worker_with_another_name_adopts_the_runs_of_one_that_is_gone(
    pool, prefect, conftest, tmp_path
):
    marker = tmp_path / "marker"
    deployment = pool.deploy("hello")
    with pool.worker("first", PREFECT_WORKER_HEARTBEAT_SECONDS="3") as worker:
        flow_run = prefect.trigger(deployment, seconds=5, marker=str(marker))
        conftest.wait_until(marker.exists, "the flow has begun")
        worker.stop(signal.SIGKILL)

    with pool.worker("second"):
        assert prefect.wait_for(flow_run)["state_type"] == "COMPLETED"
        conftest.wait_until(
            lambda: not leftovers(pool, [flow_run]), "the adopted run's job is deleted"
        )
    assert marker.read_text() == "x"


def test_runs_left_between_pending_and_started_are_settled(
    pool, prefect, emulator, conftest, tmp_path
):
    deployment = pool.deploy("hello")
    markers = [tmp_path / f"marker-{number}" for number in range(2)]
    # The start never gets an answer, so the worker dies while it does not know whether the run exists.
    with (
        pool.worker() as worker,
        emulator.fault(Fault(kind=FaultKind.DROP_BEFORE, route="start.job.run", skip=1)),
    ):
        flow_runs = [prefect.trigger(deployment, marker=str(marker)) for marker in markers]
        for flow_run in flow_runs:
            conftest.wait_until(
                lambda it=flow_run: prefect.flow_run(it).get("infrastructure_pid"), "it is intended"
            )
        worker.stop(signal.SIGKILL)

    with pool.worker():
        for flow_run in flow_runs:
            assert prefect.wait_for(flow_run)["state_type"] == "COMPLETED"
        conftest.wait_until(lambda: not leftovers(pool, flow_runs), "no job is left")
    assert [marker.read_text() for marker in markers] == ["x", "x"]


def test_every_kind_of_fault_on_every_route_loses_nothing_and_starts_nothing_twice(light):
    emulator, pool = light
    with faults_at(emulator, 0.2):
        outcome = soak(pool, runs=8, kills=0, workers=1, patience=300)

    assert outcome.as_hoped(), [outcome, *outcome.trouble]


def test_workers_killed_at_random_moments_lose_nothing_and_start_nothing_twice(light):
    _, pool = light
    outcome = soak(pool, runs=10, kills=4, workers=2, patience=300)

    assert outcome.as_hoped(), [outcome, *outcome.trouble]
