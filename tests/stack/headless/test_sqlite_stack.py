"""One stack on SQLite, from `up` to `down`; the tests share it and leave it healthy."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


def completed_runs(stack):
    states = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    return stack.api("POST", "/flow_runs/count", states)


def test_up_returns_when_everything_is_healthy(stack):
    found = stack.status()

    assert found["verdict"] == "healthy"
    assert [service["name"] for service in found["services"]] == ["server", "worker"]
    assert found["database"] == {
        "healthy": True,
        "address": f"sqlite+aiosqlite:///{stack.home}/prefect.db",
        "kind": "sqlite",
    }
    assert len(found["workers_online"]) == 1
    assert found["queue"]["running"] == 0
    assert stack.command("status").returncode == 0


def test_every_file_is_closed_to_other_users(stack):
    ui = stack.home / "ui"
    others = stat.S_IRWXG | stat.S_IRWXO
    private = [path for path in stack.home.rglob("*") if ui not in path.parents]

    assert stack.home.stat().st_mode & others == 0
    assert [path for path in private if path.is_file() and path.stat().st_mode & others] == []


def test_a_second_up_leaves_the_first_alone(stack):
    before = stack.pid("server")
    done = stack.command("up", "-d")

    assert done.returncode == 0
    assert "runs already" in done.stderr
    assert stack.pid("server") == before


def test_a_foreground_up_beside_it_is_refused(stack):
    done = stack.command("up")

    assert done.returncode == 1
    assert "runs already" in done.stderr


def test_a_job_of_the_worker_sees_no_setting_of_the_server(stack):
    script = (
        f"python {HERE / 'report_environment.py'} && "
        "prefect deployment run report-environment/here --watch"
    )
    done = stack.sh(script)
    assert done.returncode == 0, done.stdout + done.stderr
    (artifact,) = stack.api(
        "POST", "/artifacts/filter", {"artifacts": {"key": {"any_": ["environment"]}}}
    )
    seen = dict(line.split("=", 1) for line in artifact["data"].splitlines() if "=" in line)

    assert seen["PREFECT_API_URL"] == stack.api_url
    # That one name is from Prefect's built-in profile, not from our server.
    of_server = {name for name in seen if name.startswith(("PREFECT_SERVER_", "PG"))}
    assert of_server <= {"PREFECT_SERVER_EPHEMERAL_ENABLED"}
    assert "PREFECT_HEADLESS_SERVICES" not in seen


def test_the_zombie_automation_is_there_once(stack):
    found = stack.api("POST", "/automations/filter", {})

    assert [automation["name"] for automation in found] == [
        "Crash flow runs without a heartbeat (prefect-headless)"
    ]
    assert found[0]["enabled"]


@pytest.mark.parametrize("service", ["server", "worker"])
def test_a_killed_service_comes_back(stack, service, eventually_):
    before = stack.pid(service)
    os.kill(before, signal.SIGKILL)

    eventually_(lambda: stack.pid(service) not in {before, None}, what="restarted")
    stack.until_healthy()


def test_a_stopped_service_makes_the_stack_unhealthy_until_it_is_started(stack):
    assert stack.command("stop", "worker").returncode == 0
    stopped = stack.command("status")
    assert stopped.returncode == 1
    assert "worker is stopped" in stopped.stdout
    again = stack.command("up", "-d")
    assert again.returncode == 1
    assert "the stack runs already, but without worker" in again.stderr

    assert stack.command("start", "prefect-worker").returncode == 0
    stack.until_healthy()


def test_restart_returns_when_the_service_answers_again(stack):
    before = stack.pid("server")
    done = stack.command("restart", "server")

    assert (done.returncode, done.stdout.strip()) == (0, "restarted server")
    assert "waiting for server" in done.stderr
    assert httpx.get(f"{stack.api_url}/ready").is_success
    assert stack.pid("server") != before


def test_the_status_of_one_service_is_about_that_one(stack):
    done = stack.command("status", "prefect-server")

    assert done.returncode == 0
    (line,) = done.stdout.splitlines()
    assert line.startswith("server    ok   running for ")


def test_the_database_check_of_older_prefects_is_ours(stack):
    """The document this stack follows names it; Prefect 3.9 has it no more."""
    done = stack.command("run", "prefect", "server", "database", "check")

    assert done.returncode == 0
    assert done.stdout == stack.command("db", "check").stdout


def test_the_server_does_not_keep_a_core_busy(stack, eventually_):
    """Prefect's recorder spins if its interval is below a second (see server_settings.RECORDER)."""
    port = httpx.URL(stack.api_url).port
    # Not the process that the supervisor knows, which may wait for a forked one.
    (pid,) = {
        connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
    }
    server = psutil.Process(pid)

    def seconds() -> float:
        times = server.cpu_times()
        return times.user + times.system

    def idle() -> bool:
        before = seconds()
        subprocess.run(["sleep", "2"], check=True)
        return seconds() - before < 1

    eventually_(idle, what="idle")


@pytest.mark.parametrize("is_paused", [True, False])
def test_a_work_queue_can_be_paused_and_resumed(stack, is_paused):
    """Prefect reads in the middle of that transaction, by another connection: none may wait for the other."""
    url = f"{stack.api_url}/work_pools/default-pool/queues/default"

    changed = httpx.patch(url, json={"is_paused": is_paused}, timeout=120)

    assert changed.status_code == httpx.codes.NO_CONTENT
    assert httpx.get(url).json()["is_paused"] is is_paused


def test_the_logs_of_each_service_can_be_read(stack):
    assert "Check out the dashboard" in stack.command("logs", "server", "-n", "5000").stdout
    assert "worker | " in stack.command("logs").stdout
    unknown = stack.command("logs", "nonsense")
    assert unknown.returncode == 1
    assert "choose one of" in unknown.stderr


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_log_can_be_followed_until_a_signal_ends_it(stack, ending):
    follow = [sys.executable, "-m", "metaflow_prefect.headless", "logs", "-f", "-n", "0", "server"]
    follower = subprocess.Popen(
        # As a shell's `&` begins it: with SIGINT ignored.
        ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *follow],
        env=stack.environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        with (stack.home / "logs" / "server.log").open("a") as log:
            # Written again and again: the follower needs a moment to begin.
            for _ in range(200):
                log.write("a line for the follower\n")
                log.flush()
                if _readable(follower):
                    break
        assert follower.stdout.readline() == "a line for the follower\n"
        follower.send_signal(ending)
        assert follower.wait(30) == 0
    finally:
        follower.kill()
        follower.wait(30)


def _readable(process):
    import select

    return bool(select.select([process.stdout], [], [], 0.2)[0])


def test_a_shell_reaches_the_server_after_eval(stack):
    exports = stack.command("env", "--export", PREFECT_API_KEY="pnu_left_over").stdout
    done = subprocess.run(
        ["sh", "-c", f"{exports}\nprefect work-pool ls && prefect config view"],
        env={**os.environ, "PREFECT_API_KEY": "pnu_left_over"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "default-pool" in done.stdout
    assert "unset PREFECT_API_KEY" in exports


def test_an_api_key_set_by_accident_does_not_lock_a_command_out(stack):
    assert stack.sh("prefect work-pool ls", PREFECT_API_KEY="pnu_x").returncode == 0
    info = stack.command("info", PREFECT_API_KEY="pnu_x")
    assert "401" in info.stdout
    assert "pnu_x" not in info.stdout


def test_doctor_names_everything_that_is_wrong(stack):
    done = stack.command(
        "doctor", PREFECT_WORKER_POOL_TYPE="kubernetis", PREFECT_WORKER_POOLNAME="x"
    )

    assert done.returncode == 1
    assert "there is no worker type 'kubernetis' (known types: " in done.stdout
    assert "did you mean PREFECT_WORKER_POOL_NAME" in done.stdout


def test_info_says_where_each_value_comes_from(stack):
    found = json.loads(stack.command("info", "--json", PREFECT_WORKER_LIMIT="3").stdout)
    rows = {row["name"]: row for row in found["settings"]}

    assert rows["PREFECT_WORKER_LIMIT"]["origin"] == "environment"
    assert rows["PREFECT_WORKER_POOL_NAME"]["origin"] == "default"
    assert found["running"]["services"] == ["server", "worker"]


def test_the_ui_is_served_and_told_where_the_api_is(stack):
    root = stack.record["ui_url"]

    assert "<!doctype html" in httpx.get(root, follow_redirects=True).text.lower()
    assert httpx.get(f"{root}/ui-settings").json()["api_url"] == stack.api_url


def test_after_a_power_cut_runs_and_schedules_are_still_there(stack, eventually_):
    """Supervisor and server are killed at once; the next `up` ends what lost them and goes on."""
    assert stack.sh("python $PREFECT_FLOWS_DIR/scheduled_flow.py").returncode == 0
    assert stack.sh("python $PREFECT_FLOWS_DIR/hello_flow.py").returncode == 0
    before = completed_runs(stack)
    for pid in (stack.record["supervisor_pid"], stack.pid("server")):
        os.kill(pid, signal.SIGKILL)
    eventually_(
        lambda: (
            (found := stack.command("status")).returncode == 1
            and "without its supervisor" in found.stdout
        ),
        what="dead",
    )
    assert stack.processes() != []
    restarted = stack.command("restart", "server")
    assert restarted.returncode == 1
    assert "lost its supervisor" in restarted.stderr

    done = stack.up()

    assert "lost its supervisor" in done.stderr
    assert stack.status()["verdict"] == "healthy"
    assert completed_runs(stack) >= before
    deployment = stack.api("GET", "/deployments/name/scheduled-flow/every-minute")
    assert [schedule["active"] for schedule in deployment["schedules"]] == [True]


def test_pages_of_other_origins_may_not_call_the_api_by_any_way(stack):
    """A server without password could otherwise be used by every web site its user opens."""

    def preflight(origin: str) -> int:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return httpx.options(f"{stack.api_url}/flow_runs/filter", headers=headers).status_code

    port = httpx.URL(stack.api_url).port
    assert preflight(f"http://localhost:{port}") == 200
    assert preflight("http://other.example.com") == 400
    rebound = httpx.get(f"{stack.api_url}/health", headers={"Host": f"other.example.com:{port}"})
    assert rebound.status_code == 400
    assert "does not answer to the name 'other.example.com'" in rebound.json()["detail"]
    events = f"ws://127.0.0.1:{port}/api/events/in"
    with pytest.raises(InvalidStatus, match="403"):
        connect(events, origin="http://other.example.com")
    with connect(events, origin=f"http://localhost:{port}"):
        pass


def test_down_leaves_no_process_not_even_a_flow_run(stack, eventually_):
    slow = stack.home / "flows" / "slow_flow.py"
    slow.write_text(
        "import time\nfrom prefect import flow\n\n\n@flow\ndef slow():\n    time.sleep(600)\n\n\n"
        "if __name__ == '__main__':\n"
        "    flow.from_source(source=__file__.rsplit('/', 1)[0], entrypoint='slow_flow.py:slow')"
        ".deploy(name='slow', work_pool_name='default-pool', ignore_warnings=True)\n"
    )
    done = stack.sh(f"python {slow} && prefect deployment run slow/slow")
    assert done.returncode == 0, done.stdout + done.stderr
    eventually_(lambda: stack.status()["queue"]["running"] == 1, what="running")

    # Two at once: the second finds a supervisor that is ending.
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(stack.down) for _ in range(2)]
    assert [done.result().returncode for done in both] == [0, 0], [d.result() for d in both]

    assert stack.processes() == []
    status = stack.command("status")
    assert (status.returncode, status.stdout.strip()) == (3, "stack     not running")
    assert not (stack.home / "headless" / "stack.json").exists()
    again = stack.down()
    assert (again.returncode, again.stdout.strip()) == (0, "nothing was running")
