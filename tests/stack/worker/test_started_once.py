"""A slow worker that is taken for dead, and wakes up: its flow run is executed once all the same."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import contextmanager

import pytest
from northflank_emulator.faults import Fault, FaultKind

from tests.stack.worker.proxy import Deed, Proxy, Rule
from tests.support import quick_start

pytestmark = pytest.mark.slow

IN_A_HURRY = {"PREFECT_WORKER_HEARTBEAT_SECONDS": "2", "PREFECT_NORTHFLANK_SETTLE_SECONDS": "3"}
FOUND_SECONDS = 60


@contextmanager
def asleep(worker):
    """Stop the worker's process where it is; it knows nothing of the time that passes."""
    os.kill(worker.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker.process.pid, signal.SIGCONT)


def test_a_start_that_arrives_after_that_of_another_worker_executes_nothing(
    pool, prefect, emulator, conftest, tmp_path
):
    """In a lasting job; where each flow run has its own, the late request finds no job (test_start.py)."""
    marker = tmp_path / "marker"
    deployment = pool.deploy("hello", cleanup_job=False)
    # The first worker's request to start is on its way for so long that everybody takes it for lost.
    held = Fault(kind=FaultKind.LATENCY, route="start.job.run", times=1, seconds=35)
    with emulator.fault(held), pool.worker("first", **IN_A_HURRY, **quick_start.COLD) as first:
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


def held(name):
    """A rule that holds the next request for a PENDING state of this name."""

    def matches(request):
        asked = request.path.endswith("/set_state") and json.loads(request.body)["state"]
        return bool(asked) and (asked["type"], asked["name"]) == ("PENDING", name)

    return Rule(deed=Deed.HOLD, times=1, matches=matches)


@pytest.mark.parametrize("name", ["Pending", "Submitting", "InfrastructurePending"])
def test_a_request_that_arrives_after_the_end_starts_nothing_and_changes_no_state(
    light, prefect, conftest, tmp_path, name
):
    """Of a worker that is dead by then if it had taken the flow run, so that only others can put things right."""
    _, pool = light
    marker = tmp_path / "marker"
    deployment = pool.deploy("hello")
    with (
        Proxy(prefect.url) as proxy,
        proxy.rule(held(name)) as late,
        pool.worker("first", **IN_A_HURRY, PREFECT_API_URL=proxy.url) as first,
    ):
        flow_run = prefect.trigger(deployment, marker=str(marker), seconds=0)
        conftest.wait_until(lambda: late.struck, "the request is on its way")
        if name != "Pending":
            first.stop(signal.SIGKILL)
        with pool.worker("second", **IN_A_HURRY):
            assert prefect.wait_for(flow_run)["state_type"] == "COMPLETED"
            late.let_go.set()
            conftest.wait_until(lambda: late.passed_on, "the request has arrived")
            conftest.wait_until(
                lambda: prefect.states(flow_run).count(("COMPLETED", "Completed")) == 2,
                "the final state is put back",
                patience=FOUND_SECONDS,
            )
            conftest.wait_until(
                lambda: not [it for it in pool.northflank.jobs() if flow_run.hex in it],
                "no job is left",
                patience=FOUND_SECONDS,
            )
    assert prefect.states(flow_run)[-1] == ("COMPLETED", "Completed")
    assert marker.read_text() == "x"


def test_a_run_whose_job_was_deleted_is_crashed_for_it_and_not_taken_over_again(
    light, prefect, conftest, tmp_path
):
    emulator, pool = light
    marker = tmp_path / "marker"
    deployment = pool.deploy("hello")
    with (
        Proxy(prefect.url) as proxy,
        pool.worker(PREFECT_API_URL=proxy.url) as worker,
    ):
        flow_run = prefect.trigger(deployment, marker=str(marker), seconds=600)
        conftest.wait_until(marker.exists, "the flow has begun")
        # The container ends with its job, and cannot say so.
        mute = Rule(deed=Deed.CUT_BEFORE, matches=lambda it: it.sender.startswith("Python-urllib"))
        with proxy.rule(mute):
            job = next(it for it in pool.northflank.jobs() if flow_run.hex in it)
            emulator.call("DELETE", f"/v1/projects/demo/jobs/{job}")
            ended = prefect.wait_for(flow_run)
        assert "Traceback" not in worker.output
    assert ended["state_type"] == "CRASHED"
    assert "the job run was deleted in Northflank" in ended["state"]["message"]
    assert "from now on" not in prefect.logs(flow_run), "it was adopted"
