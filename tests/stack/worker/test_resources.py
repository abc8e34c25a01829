"""A deployed flow gets the plan that its @resources ask for, and dies for want of memory without them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import quick_start

FLOWS = Path(__file__).parent / "flows"

pytestmark = pytest.mark.slow


def command(pool, home, *words):
    done = subprocess.run(
        [sys.executable, "heavy_flow.py", "--quiet", "--no-pylint", "prefect", *words],
        cwd=FLOWS,
        env={
            **pool.environment,
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(home),
            "PREFECT_HOME": str(home / "client"),
        },
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def deploy(pool, home, name, *words):
    return command(
        pool, home, "deploy", "--work-pool", pool.name, "--name", name,
        "--job-variable", f"env.METAFLOW_DATASTORE_SYSROOT_LOCAL={home}",
        "--job-variable", "env.EXTRA_PIP_PACKAGES=",
        # The memory of a forked command is not that of its container.
        *(word for it in quick_start.COLD for word in ("--job-variable", f"env.{it}=")),
        "--job-variable", "project_id=demo",
        *words,
    )  # fmt: skip


def test_a_step_of_600_mb_finishes_with_its_resources_and_is_killed_without(
    pool, prefect, emulator, tmp_path
):
    said = deploy(pool, tmp_path, "asking", "--with", "resources:memory=1500")
    deploy(pool, tmp_path, "silent")
    assert (
        "plan nf-compute-100-2 (1 vCPU, 2 GB, $0.0333 an hour): start asks for memory=1500" in said
    )

    with pool.worker():
        ids = {}
        for name in ("asking", "silent"):
            file = tmp_path / f"{name}.id"
            command(pool, tmp_path, "trigger", "--name", name, "--run-id-file", str(file))
            ids[name] = file.read_text().removeprefix("prefect-")
        ended = {name: until_final(prefect, flow_run) for name, flow_run in ids.items()}
        answer = command(pool, tmp_path, "status", f"prefect-{ids['asking']}", "--json")

    assert ended["asking"]["type"] == "COMPLETED"
    cost = json.loads(answer)["cost"]
    assert (cost["plan"], cost["dollars_per_hour"]) == ("nf-compute-100-2", 0.0333)
    assert cost["dollars"] > 0
    assert ended["silent"]["type"] == "CRASHED"
    assert "ran out of the memory of plan nf-compute-20" in ended["silent"]["message"]
    assert "@resources(memory=…)" in ended["silent"]["message"]
    of = {
        name: request.body["billing"]["deploymentPlan"]
        for request in emulator.requests
        for name, flow_run in ids.items()
        if request.operation == "put.job" and flow_run.replace("-", "") in str(request.body)
    }
    assert of == {"asking": "nf-compute-100-2", "silent": "nf-compute-20"}


def until_final(prefect, flow_run):
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        state = prefect.post(f"/flow_runs/{flow_run}", method="GET")["state"]
        if state["type"] in {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}:
            return state
        time.sleep(1)
    raise AssertionError(f"{flow_run} is {state['name']}")
