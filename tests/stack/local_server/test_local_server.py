"""Where no server is configured, runs and commands share one that starts on demand and ends when idle."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from metaflow_prefect.errors import ServerRefused
from metaflow_prefect.runtime.servers import local_server
from tests.support.processes import wait_until_gone

pytestmark = pytest.mark.slow

FLOW = Path(__file__).parents[2] / "bench" / "flows" / "linear.py"
PATIENCE_SECONDS = 240


def environment(home, **more):
    return {**os.environ, "PREFECT_HOME": str(home), **more}


def flow(home, *words):
    """Run a command of the flow; return what it said on standard output, and on both streams."""
    ended = subprocess.run(
        [sys.executable, str(FLOW), "--quiet", "--no-pylint", "prefect", *words],
        env=environment(home),
        cwd=home,
        text=True,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout, ended.stdout + ended.stderr


def in_python(home, *lines):
    """Run the lines of Python without a flow; return what they print."""
    ended = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        env=environment(home),
        cwd=home,
        text=True,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def using(home, **more):
    return local_server.using(home, environment(home, **more), lambda _: None)


def test_a_second_run_uses_the_server_that_the_first_has_started(home):
    first = flow(home, "run")[1]
    server = local_server.status(home).server
    out, second = flow(home, "run", "--json")

    assert json.loads(out)["status"] == "SUCCEEDED"
    assert {step["state"] for step in json.loads(out)["steps"]} == {"done"}
    assert "starting a Prefect server" in first
    assert "starting a Prefect server" not in second
    assert local_server.status(home).server == server
    runs = httpx.post(f"{server.url}/flow_runs/filter", json={}).json()
    assert [run["state_type"] for run in runs] == ["COMPLETED", "COMPLETED"]


def test_commands_and_calls_use_the_server_that_the_runs_use(home):
    run = json.loads(flow(home, "run", "--json")[0])["run"]
    server = local_server.status(home).server
    pool = {"name": "a pool", "type": "process"}
    httpx.post(f"{server.url}/work_pools/", json=pool).raise_for_status()
    answered = [
        flow(home, *words)
        for words in (
            ("status", run, "--json"),
            ("logs", run),
            ("list-deployments",),
            ("deploy", "--work-pool", "a pool"),
        )
    ]
    called = in_python(
        home,
        "from metaflow import DeployedFlow",
        "from metaflow_prefect import Event",
        "print(list(DeployedFlow.list_prefect()), Event('fresh').publish())",
    )

    assert json.loads(answered[0][0])["status"] == "SUCCEEDED"
    assert not [said for _, said in answered if "starting a Prefect server" in said]
    assert called.startswith("[<")
    # A worker must use that very server.
    assert f"PREFECT_API_URL={server.url} prefect worker start --pool 'a pool'" in answered[-1][0]
    assert local_server.status(home).server == server


def test_a_command_starts_the_server_where_none_runs(home):
    local_server.stop(home)
    said = flow(home, "list-deployments")[1]

    assert "starting a Prefect server" in said
    assert local_server.status(home).server is not None


def test_its_page_is_told_where_the_api_is(home):
    with using(home) as url:
        page = url.removesuffix("/api")

        assert httpx.get(f"{page}/ui-settings").json()["api_url"] == url
        assert "<html" in httpx.get(page, follow_redirects=True).text


def test_its_database_is_closed_to_other_users_also_one_of_an_older_release(home):
    (home / "prefect.db").chmod(0o644)
    with using(home):
        private = (home / "prefect.db", *(home / "metaflow-prefect").iterdir())

        assert [path.name for path in private if path.stat().st_mode & 0o077] == []


def test_it_refuses_what_a_foreign_page_has_a_browser_send(home):
    """It has no password: such a page could otherwise start and read everything."""
    with using(home) as url:
        port = httpx.URL(url).port
        preflight = {"Origin": "https://evil.example.com", "Access-Control-Request-Method": "POST"}

        assert httpx.options(f"{url}/flow_runs/filter", headers=preflight).status_code == 400
        rebound = httpx.get(f"{url}/health", headers={"Host": f"evil.example.com:{port}"})
        assert rebound.status_code == 400
        assert "PREFECT_SERVER_CORS_ALLOWED_ORIGINS" in rebound.json()["detail"]
        with pytest.raises(InvalidStatus, match="403"):
            connect(f"ws://127.0.0.1:{port}/api/events/in", origin="https://evil.example.com")
        own = f"http://localhost:{port}"
        preflight["Origin"] = own
        assert httpx.options(f"{url}/flow_runs/filter", headers=preflight).is_success
        with connect(f"ws://localhost:{port}/api/events/in", origin=own):
            assert httpx.get(f"{own}/api/health").is_success


def test_its_transactions_wait_for_the_right_to_write_before_they_read(home):
    """Else those that read first and then write refuse each other; see metaflow_prefect.sqlite_transactions."""
    with (
        using(home) as url,
        contextlib.closing(sqlite3.connect(home / "prefect.db", isolation_level=None)) as other,
        ThreadPoolExecutor() as hands,
    ):
        made = httpx.post(f"{url}/work_pools/", json={"name": "waiting", "type": "process"})
        made.raise_for_status()
        reading = f"{url}/work_pools/waiting/get_scheduled_flow_runs"
        other.execute("BEGIN IMMEDIATE")
        asked = hands.submit(httpx.post, reading, json={}, timeout=PATIENCE_SECONDS)
        with pytest.raises(futures.TimeoutError):
            asked.result(timeout=5)
        other.execute("ROLLBACK")

        assert asked.result(timeout=PATIENCE_SECONDS).json() == []


def test_status_names_it_and_stop_ends_it_unless_a_run_uses_it(home):
    with using(home) as url:
        status = json.loads(flow(home, "server", "status", "--json")[0])
        assert (status["running"], status["url"], status["used"]) == (True, url, True)
        with pytest.raises(ServerRefused, match="A run uses the local server"):
            local_server.stop(home)

    stopped = json.loads(flow(home, "server", "stop", "--json")[0])
    assert stopped == {"stopped": True, "url": url}
    wait_until_gone(status["pid"])
    assert "No local server is running" in flow(home, "server", "status")[0]
    assert "No local server is running" in flow(home, "server", "stop")[0]


def test_runs_that_begin_at_the_same_time_start_one_server(home):
    def use(_):
        with using(home) as url:
            time.sleep(0.5)
            return url

    with ThreadPoolExecutor(4) as threads:
        urls = set(threads.map(use, range(4)))

    assert len(urls) == 1


def test_a_killed_server_is_replaced(home):
    with using(home):
        killed = local_server.status(home).server
    os.kill(killed.pid, signal.SIGKILL)
    wait_until_gone(killed.pid)
    assert local_server.status(home).server is None

    with using(home) as url:
        assert httpx.get(f"{url}/health").is_success
    local_server.stop(home)


def test_it_ends_when_idle_but_never_while_a_run_uses_it(home):
    with using(home, METAFLOW_PREFECT_LOCAL_SERVER_IDLE_SECONDS="1") as url:
        server = local_server.status(home).server
        time.sleep(4)  # a run may be silent for longer than that
        assert httpx.get(f"{url}/health").is_success

    wait_until_gone(server.pid)
    assert local_server.status(home).server is None


def test_it_ends_when_its_prefect_home_is_removed(home, tmp_path):
    shutil.copytree(home, tmp_path / "home")  # with a database, which takes seconds to make
    with using(tmp_path / "home"):
        server = local_server.status(tmp_path / "home").server
        shutil.rmtree(tmp_path / "home")

        wait_until_gone(server.pid)


def test_a_server_that_cannot_start_says_why(home):
    with (
        pytest.raises(ServerRefused, match="did not start"),
        using(home, PREFECT_SERVER_DATABASE_CONNECTION_URL="nonsense://"),
    ):
        pass
