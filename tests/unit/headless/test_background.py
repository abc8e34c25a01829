"""Programs that a script starts with `&`: the shell lets them ignore SIGINT."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from metaflow_prefect.headless.services.exec_service import SERVICES

TELL = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"


@pytest.fixture(autouse=True)
def sigint_is_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_service_does_not_ignore_sigint_though_the_stack_was_told_to():
    """Prefect's workers forward SIGTERM to themselves as SIGINT."""
    service = {
        "user": None,
        "wait_for": None,
        "command": [sys.executable, "-c", TELL],
        "environment": {},
    }
    launch = [
        sys.executable,
        "-m",
        "metaflow_prefect.headless.services.exec_service",
        "service",
        "worker",
    ]
    environment = {**os.environ, SERVICES: json.dumps({"worker": service})}

    done = subprocess.run(launch, env=environment, capture_output=True, text=True, check=True)

    assert done.stdout == "True\n"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_following_logs_ends_when_it_is_told_to(tmp_path, sent):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "server.log").write_text("one line\n")
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    follow = [sys.executable, "-m", "metaflow_prefect.headless", "logs", "-f"]
    with subprocess.Popen(follow, env=environment, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout.readline() == "one line\n"

        # Again and again: at the first line it may not listen yet.
        for _ in range(100):
            follower.send_signal(sent)
            try:
                follower.wait(0.5)
            except subprocess.TimeoutExpired:
                continue
            break
        ended = follower.poll()
        follower.kill()

    assert ended is not None
