"""Programs that a script starts with `&`: the shell lets them ignore SIGINT, and SIGTERM must end them all the same."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import quick_start

pytestmark = pytest.mark.slow


@contextmanager
def in_the_background():
    """Let what is started meanwhile ignore SIGINT, as a shell does."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_worker_in_the_background_ends_on_sigterm_and_its_flow_runs_go_on(
    pool, prefect, conftest, tmp_path
):
    marker = tmp_path / "marker"
    with in_the_background(), pool.worker("one", **quick_start.COLD) as worker:
        conftest.wait_until(lambda: "started!" in worker.output, "the worker has started")
        flow_run = prefect.trigger(pool.deploy("hello"), seconds=20, marker=str(marker))
        conftest.wait_until(marker.exists, "the flow has begun")

        worker.stop(patience=60)

    assert "stopped!" in worker.output
    assert worker.process.returncode == 0
    assert prefect.wait_for(flow_run)["state_type"] == "COMPLETED"
    assert marker.read_text() == "x"


def test_an_emulator_in_the_background_ends_on_sigterm(conftest, tmp_path):
    command = [str(Path(sys.executable).parent / "northflank-emulator"), "--port", "0"]
    environment = {"PATH": str(Path(sys.executable).parent), "PYTHONUNBUFFERED": "1"}
    log = tmp_path / "emulator.log"
    with in_the_background(), conftest.running(command, environment, log) as emulator:
        conftest.wait_until(lambda: "token" in emulator.output, "the emulator has started")

        emulator.stop(patience=60)

    assert emulator.process.returncode == 0
