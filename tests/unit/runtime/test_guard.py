"""Steps do not outlive the process that runs the flow, however that process ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from metaflow_prefect.runtime.in_flow.guard import Guard
from tests.support.processes import wait_until_gone

TASK = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""

FLOW_PROCESS = f"""
import os, sys
from metaflow_prefect.runtime.steps.executor_protocol import Command
from metaflow_prefect.runtime.steps.fresh_process import FreshProcess

def show(stream, line):
    sys.stdout.write(line.decode())
    sys.stdout.flush()

task = Command(words=[sys.executable, "-c", {TASK!r}], environment=dict(os.environ))
FreshProcess().run(task, show)
"""


@pytest.fixture
def sleeper():
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
    )
    yield process
    process.kill()
    process.wait()


def test_a_killed_flow_process_takes_its_steps_and_their_children_along():
    flow = subprocess.Popen([sys.executable, "-c", FLOW_PROCESS], stdout=subprocess.PIPE)
    assert flow.stdout is not None
    task, child = map(int, flow.stdout.readline().split())
    # The task may be announced a moment after it has begun to write.
    time.sleep(0.2)

    flow.kill()
    flow.wait()

    wait_until_gone(task, child)
    flow.stdout.close()


def test_what_is_still_watched_is_killed_when_the_guard_is_closed(sleeper):
    guard = Guard()
    guard.watch(sleeper.pid)

    guard.close()

    assert sleeper.wait(30) == -signal.SIGKILL


def test_what_has_ended_is_not_touched(sleeper):
    guard = Guard()
    guard.watch(sleeper.pid)
    guard.forget(sleeper.pid)

    guard.close()

    assert sleeper.poll() is None


def test_a_group_that_is_gone_does_not_keep_the_guard_from_the_others(sleeper):
    gone = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    gone.wait()
    guard = Guard()
    for group in (gone.pid, sleeper.pid):
        guard.watch(group)

    guard.close()

    assert sleeper.wait(30) == -signal.SIGKILL


def test_a_guard_that_somebody_killed_is_no_reason_to_fail(sleeper):
    guard = Guard()
    guard.watch(sleeper.pid)
    assert guard.pid is not None
    os.kill(guard.pid, signal.SIGKILL)
    wait_until_gone(guard.pid)

    guard.watch(sleeper.pid)
    guard.forget(sleeper.pid)
    guard.close()

    assert sleeper.poll() is None
