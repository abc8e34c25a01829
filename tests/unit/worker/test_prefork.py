"""Prefect's runner gets a forked process only where a fork is safe."""

from __future__ import annotations

import subprocess
import sys
from uuid import uuid4

import pytest
from prefect_northflank.job.claim_gate import PREFORK, environment_of
from prefect_northflank.records.claims import Claim

PROGRAM = """
import os, sys, threading, time
if sys.argv[1] == "thread":
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
if sys.argv[1] == "moved":
    import prefect.runner._workspace_supervisor as supervisor
    del supervisor._launch_engine
import prefect.runner._starter_engine as runner
before = runner.run_process
script = {}
exec(os.environ[sys.argv[2]], script)
script["prefork"]()
print("replaced" if runner.run_process is not before else "kept")
"""


@pytest.mark.parametrize(
    ("where", "expected"), [("plain", "replaced"), ("thread", "kept"), ("moved", "kept")]
)
def test_the_runner_keeps_starting_processes_where_a_thread_runs_or_prefect_has_moved(
    where, expected, monkeypatch
):
    for name, value in environment_of(Claim(id=uuid4())).items():
        monkeypatch.setenv(name, value)

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, where, PREFORK],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.stdout == f"{expected}\n", done.stderr
