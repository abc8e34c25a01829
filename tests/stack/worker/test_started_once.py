"""A slow worker that is taken for dead, and wakes up: its flow run is executed once all the same."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager

import pytest
from northflank_emulator.faults import Fault, FaultKind

pytestmark = pytest.mark.slow

IN_A_HURRY = {"PREFECT_WORKER_HEARTBEAT_SECONDS": "2", "PREFECT_NORTHFLANK_SETTLE_SECONDS": "3"}


@contextmanager
def asleep(worker):
    """Stop the worker's process where it is; it knows nothing of the time that passes."""
    os.kill(worker.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker.process.pid, signal.SIGCONT)


def test_a_start_that_arrives_after_another_worker_has_started_the_flow_run_executes_nothing(
    pool, prefect, emulator, conftest, tmp_path
):
    """In a lasting job; where each flow run has its own, the late request finds no job (test_start.py)."""
    marker = tmp_path / "marker"
    deployment = pool.deploy("hello", cleanup_job=False)
    # The first worker's request to start is on its way for so long that everybody takes it for lost.
    held = Fault(kind=FaultKind.LATENCY, route="start.job.run", times=1, seconds=35)
    with emulator.fault(held), pool.worker("first", **IN_A_HURRY) as first:
        flow_run = prefect.trigger(deployment, marker=str(marker), seconds=20)
        conftest.wait_until(
            lambda: not emulator.call("GET", "/_emulator/faults"), "the start is on its way"
        )
        with asleep(first), pool.worker("second", **IN_A_HURRY):
            conftest.wait_until(marker.exists, "the second worker's container executes the flow")
            conftest.wait_until(
                lambda: len(starts(emulator, flow_run)) > 1,
                "the first worker's request has arrived",
            )
            assert prefect.wait_for(flow_run)["state_type"] == "COMPLETED", prefect.logs(flow_run)
        time.sleep(10)  # what the first worker does when it wakes up
        assert prefect.state(flow_run) == "COMPLETED"
    assert marker.read_text() == "x"


def starts(emulator, flow_run):
    """Return the requests to start the flow run that took effect."""
    return [
        it
        for it in emulator.requests
        if it.operation == "start.job.run" and it.committed and str(flow_run) in str(it.body)
    ]
