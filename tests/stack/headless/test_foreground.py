"""`up` as a container runs it: no terminal, logs on stdout, signals, exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from tests.support import quick_start

pytestmark = pytest.mark.slow


class Foreground:
    """`prefect-headless up` with its output collected."""

    def __init__(self, stack, *options):
        self.stack = stack
        self.lines = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "metaflow_prefect.headless", "up", *options],
            env=stack.environment(PYTHONUNBUFFERED="1"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=stack.home.parent,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        self.lines.extend(self.process.stdout)

    def says(self, text):
        return any(text in line for line in list(self.lines))

    def ended(self):
        code = self.process.wait(120)
        self.reader.join(10)
        return code


def test_sigterm_stops_everything_and_is_no_failure(new_stack, eventually_):
    """The tables are made beforehand, as by an init container; the server then leaves them alone."""
    stack = new_stack(PREFECT_SKIP_INIT="1")
    assert "will be created" in stack.command("db", "check").stdout
    without = stack.command("up")
    assert without.returncode == 1
    assert "has no tables, and PREFECT_SKIP_INIT=1" in without.stderr
    assert "`prefect-headless db upgrade`" in without.stderr
    upgraded = stack.command("db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    assert "tables at version" in stack.command("db", "check").stdout
    up = Foreground(stack, "--no-worker")
    eventually_(lambda: up.says("the stack is up"), what="up")
    assert stack.command("status").returncode == 0

    up.process.send_signal(signal.SIGTERM)

    assert up.ended() == 0
    assert stack.processes() == []
    # What a service prints is on stdout, with its name.
    assert up.says("server | ")


def test_workers_alone_work_for_a_server_elsewhere_until_down(stack, new_stack, eventually_):
    """And a foreground that is ended from another shell is no failure."""
    refused = new_stack().command("up", "--no-server")
    assert refused.returncode == 1
    assert "--no-server needs PREFECT_API_URL, the address" in refused.stderr
    workers = new_stack(PREFECT_API_URL=stack.api_url, PREFECT_WORKER_POOL_NAME="elsewhere")
    up = Foreground(workers, "--no-server")
    eventually_(lambda: up.says("the stack is up"), what="up")

    found = workers.status()
    assert found["verdict"] == "healthy"
    assert [service["name"] for service in found["services"]] == ["worker"]
    assert found["database"]["address"] is None
    online = stack.api("POST", "/work_pools/elsewhere/workers/filter", {})
    assert [worker["status"] for worker in online] == ["ONLINE"]
    assert workers.down().returncode == 0
    assert up.ended() == 0
    other_type = workers.command("up", "-d", "--no-server", PREFECT_WORKER_POOL_TYPE="northflank")
    assert other_type.returncode == 1
    assert "exists with type 'process'" in other_type.stderr
    assert workers.processes() == []


def test_a_start_that_is_interrupted_is_a_failure_and_leaves_no_process(new_stack, eventually_):
    stack = new_stack()
    up = Foreground(stack, "-d", "--no-worker")
    eventually_((stack.home / "headless" / "stack.json").exists, what="starting")

    up.process.send_signal(signal.SIGINT)

    assert up.ended() == 1
    assert up.says("interrupted")
    assert stack.processes() == []


def test_a_killed_foreground_takes_its_services_with_it(new_stack, eventually_):
    stack = new_stack()
    up = Foreground(stack, "--no-worker")
    eventually_(lambda: stack.processes() != [] and stack.pid("server"), what="starting")

    os.kill(up.process.pid, signal.SIGKILL)

    eventually_(lambda: stack.processes() == [], what="ended")
    assert up.ended() == -signal.SIGKILL


def test_a_service_that_gives_up_ends_the_stack_with_an_error(new_stack):
    stack = new_stack(PREFECT_HEADLESS_EMULATOR="1")
    (stack.home / "emulator").mkdir(parents=True)
    holder = subprocess.Popen(
        [
            *(sys.executable, "-m", "northflank_emulator.cli", "--port", "0"),
            *("--state-dir", str(stack.home / "emulator")),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert holder.stdout.readline().startswith("http")
        up = Foreground(stack, "--no-worker")

        assert up.ended() == 1
        assert up.says("emulator gave up")
        assert up.says("northflank-emulator: ")
        assert stack.processes() == []
    finally:
        holder.terminate()
        holder.wait(30)


def test_a_worker_type_that_is_not_installed_is_refused_before_anything_starts(new_stack):
    stack = new_stack(PREFECT_WORKER_POOL_TYPE="kubernetis")
    done = stack.command("up", "-d")

    assert done.returncode == 1
    assert "PREFECT_WORKER_POOL_TYPE=kubernetis: there is no worker type" in done.stderr
    assert "known types: " in done.stderr
    assert not (stack.home / "prefect.db").exists()


@pytest.mark.parametrize("options", [(), ("-d",)])
def test_a_port_that_is_taken_is_named_with_one_that_is_free(new_stack, options):
    import socket

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = new_stack(PREFECT_SERVER_PORT=str(port)).command("up", *options)

    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "PREFECT_SERVER_PORT" in done.stderr


def test_a_home_that_cannot_be_written_is_refused_in_clear_words(new_stack):
    done = new_stack(PREFECT_HOME="/proc/nowhere").command("up", "-d")

    assert done.returncode == 1
    assert "/proc/nowhere cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [("size=16k", "No space left on device"), ("ro", "Read-only file system")],
    ids=["full", "read-only"],
)
def test_a_disk_that_takes_nothing_is_refused_in_clear_words(new_stack, tmp_path, options, reason):
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"mode=0700,{options}", "none", str(tmp_path)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("file systems cannot be mounted on this machine")
    try:
        done = new_stack(PREFECT_HOME=str(tmp_path)).command("up", "-d")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)

    assert done.returncode == 1
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_a_value_that_prefect_itself_cannot_read_is_refused_before_anything_starts(new_stack):
    # A fork reads Prefect's settings before it executes the command.
    stack = new_stack(PREFECT_WORKER_WEBSERVER_PORT="not-a-port", **quick_start.COLD)
    done = stack.command("up", "-d")

    assert done.returncode == 1
    assert "refused by Prefect" in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_that_cannot_be_read_are_all_named(new_stack):
    done = new_stack(PREFECT_SERVER_PORT="http", PREFECT_WORKER_LIMIT="none").command("up", "-d")

    assert done.returncode == 1
    assert "PREFECT_SERVER_PORT=http" in done.stderr
    assert "PREFECT_WORKER_LIMIT=none" in done.stderr
