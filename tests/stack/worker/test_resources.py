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


def test_a_step_of_600_mb_is_killed_and_finishes_with_the_resources_it_is_told(
    pool, prefect, emulator, tmp_path
):
    said = deploy(pool, tmp_path, "asking", "--with", "resources:memory=1024")
    deploy(pool, tmp_path, "silent")
    assert (
        "plan nf-compute-50 (0.5 vCPU, 1 GB, $0.0167 an hour): start asks for memory=1024" in said
    )

    with pool.worker():
        ids = {}
        for name in ("asking", "silent"):
            file = tmp_path / f"{name}.id"
            command(pool, tmp_path, "trigger", "--name", name, "--run-id-file", str(file))
            ids[name] = file.read_text().removeprefix("prefect-")
        ended = {name: until_final(prefect, flow_run) for name, flow_run in ids.items()}

    def answer(name):
        return json.loads(command(pool, tmp_path, "status", f"prefect-{ids[name]}", "--json"))

    assert ended["asking"]["type"] == "COMPLETED"
    told = answer("asking")
    cost = told["cost"]
    assert (cost["plan"], cost["dollars_per_hour"]) == ("nf-compute-50", 0.0167)
    assert cost["dollars"] > 0
    assert (told["asked"], told["used"]["memory_of"]) == ("memory=1024", "largest process")
    assert 600 < told["used"]["memory_mb"] < 1024
    assert told["used"]["cpu_seconds"] > 0
    page = page_of(prefect, ids["asking"])
    assert "plan nf-compute-50, $0.0167 an hour" in page
    assert "MB of memory in one process and" in page
    assert "asked for memory=1024" in page
    assert ended["silent"]["type"] == "CRASHED"
    assert "ran out of memory while" in ended["silent"]["message"]
    assert "plan nf-compute-20 (0.2 vCPU, 512 MB), of which up to" in ended["silent"]["message"]
    assert "@resources(memory=1024)" in ended["silent"]["message"]
    killed = answer("silent")
    assert killed["used"]["memory_limit_mb"] == 512 < killed["used"]["memory_mb"]
    assert killed["used"]["cpu_seconds"] > 0
    of = {
        name: request.body["billing"]["deploymentPlan"]
        for request in emulator.requests
        for name, flow_run in ids.items()
        if request.operation == "put.job" and flow_run.replace("-", "") in str(request.body)
    }
    assert of == {"asking": "nf-compute-50", "silent": "nf-compute-20"}


def until_final(prefect, flow_run):
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        state = prefect.post(f"/flow_runs/{flow_run}", method="GET")["state"]
        if state["type"] in {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}:
            return state
        time.sleep(1)
    raise AssertionError(f"{flow_run} is {state['name']}")


def page_of(prefect, flow_run):
    """Return the Markdown of the run's artifact."""
    wanted = {"artifacts": {"flow_run_id": {"any_": [flow_run]}, "type": {"any_": ["markdown"]}}}
    found = prefect.post("/artifacts/filter", wanted)
    return "".join(item["data"] for item in found if item["task_run_id"] is None)
