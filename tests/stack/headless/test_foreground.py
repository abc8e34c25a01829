"""`up` as a container runs it: no terminal, logs on stdout, signals, exit codes."""

import os
import signal
import subprocess
import sys
import threading

import pytest

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
    stack = new_stack()
    up = Foreground(stack, "--no-worker")
    eventually_(lambda: up.says("the stack is up"), what="up")
    assert stack.command("status").returncode == 0

    up.process.send_signal(signal.SIGTERM)

    assert up.ended() == 0
    assert stack.processes() == []
    # What a service prints is on stdout, with its name.
    assert up.says("server | ")


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
        assert up.says("emulator was given up")
        assert up.says("northflank-emulator: ")
        assert stack.processes() == []
    finally:
        holder.terminate()
        holder.wait(30)


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


def test_a_full_disk_is_refused_in_clear_words(new_stack, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(tmp_path)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("file systems cannot be mounted on this machine")
    try:
        (tmp_path / "home").mkdir(mode=0o700)
        done = new_stack(PREFECT_HOME=str(tmp_path / "home")).command("up", "-d")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)

    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_value_that_prefect_itself_cannot_read_is_refused_before_anything_starts(new_stack):
    done = new_stack(PREFECT_WORKER_WEBSERVER_PORT="not-a-port").command("up", "-d")

    assert done.returncode == 1
    assert "refused by Prefect" in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_that_cannot_be_read_are_all_named(new_stack):
    done = new_stack(PREFECT_SERVER_PORT="http", PREFECT_WORKER_LIMIT="none").command("up", "-d")

    assert done.returncode == 1
    assert "PREFECT_SERVER_PORT=http" in done.stderr
    assert "PREFECT_WORKER_LIMIT=none" in done.stderr
