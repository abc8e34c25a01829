"""One command: server, Northflank pool, two workers and an emulated Northflank."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def emulated(new_stack):
    """The real token in the environment must not be used beside the emulator."""
    stack = new_stack(
        has_tables=True,
        PREFECT_HEADLESS_EMULATOR="1",
        PREFECT_WORKER_POOL_TYPE="northflank",
        PREFECT_WORKER_POOL_NAME="nf",
        PREFECT_WORKER_COUNT="2",
        NORTHFLANK_API_TOKEN="the-real-token",
    )
    stack.up()
    yield stack
    stack.down()


def test_server_pool_workers_and_emulator_are_up(emulated):
    found = emulated.status()

    assert found["verdict"] == "healthy"
    assert {service["name"] for service in found["services"]} == {
        "server",
        "emulator",
        "worker",
        "worker-2",
    }
    assert len(found["workers_online"]) == 2
    assert found["emulator_url"].startswith("http://127.0.0.1:")


def test_the_pool_uses_the_emulators_project(emulated):
    pool = emulated.api("GET", "/work_pools/nf")

    assert pool["type"] == "northflank"
    variables = pool["base_job_template"]["variables"]["properties"]
    assert variables["project_id"]["default"] == "demo"


def test_a_flow_runs_as_a_job_of_the_emulated_northflank(emulated):
    flow = HERE / "report_environment.py"
    script = f"python {flow} nf && prefect deployment run report-environment/here --watch"
    done = emulated.sh(script)
    assert done.returncode == 0, done.stdout + done.stderr + emulated.every_log()
    (artifact,) = emulated.api(
        "POST", "/artifacts/filter", {"artifacts": {"key": {"any_": ["environment"]}}}
    )

    assert "the-real-token" not in artifact["data"]


def test_the_emulators_token_is_private(emulated):
    token = (emulated.home / "headless" / "emulator-token").read_text().strip()
    arguments = [Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in emulated.processes()]

    assert len(token) > 20
    assert token not in "".join(arguments)
    assert token not in emulated.every_log()


def test_a_killed_emulator_comes_back_with_what_it_knew(emulated, eventually_):
    before = emulated.pid("emulator")
    with northflank(emulated) as api:
        api.post("/projects", json={"name": "Kept", "region": "europe-west"}).raise_for_status()
    os.kill(before, signal.SIGKILL)

    eventually_(lambda: emulated.pid("emulator") not in {before, None}, what="restarted")
    emulated.until_healthy()
    with northflank(emulated) as api:
        assert api.get("/projects/kept").raise_for_status().json()["data"]["name"] == "Kept"


def northflank(stack):
    """The emulator as a client of the stack finds it."""
    client = json.loads(stack.command("env", "--json").stdout)
    return httpx.Client(
        base_url=f"{client['NORTHFLANK_API_BASE_URL']}/v1",
        headers={"Authorization": f"Bearer {client['NORTHFLANK_API_TOKEN']}"},
        timeout=30,
    )


def test_a_pool_with_another_type_is_refused_and_nothing_stays_behind(emulated):
    emulated.down()
    done = emulated.command("up", "-d", PREFECT_WORKER_POOL_TYPE="process")

    assert done.returncode == 1
    assert "exists with type 'northflank'" in done.stderr
    assert emulated.processes() == []


def test_an_unknown_job_variable_is_named(emulated):
    """Found before anything runs with it, but only once the pool's template is known."""
    done = emulated.command(
        "up", "-d", PREFECT_WORKER_COUNT="1", PREFECT_WORKER_POOL_VARIABLES='{"projectid": "x"}'
    )

    assert done.returncode == 1
    assert "no job variable projectid" in done.stderr
