"""The command `northflank-emulator`: what it prints, what outlives it, and what does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from northflank_emulator.cli import main

pytestmark = pytest.mark.slow
TOKEN = "test-token"
JOBS = "/v1/projects/demo/jobs"


class Command:
    """The emulator as a process of its own."""

    def __init__(self, *options: str) -> None:
        program = [sys.executable, "-m", "northflank_emulator.cli"]
        self.process = subprocess.Popen(
            [*program, "--port", "0", "--token", TOKEN, *options], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        headers = {"authorization": f"Bearer {TOKEN}"}
        self.client = httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def call(self, method: str, path: str, body: object = None):
        response = self.client.request(method, path, json=body)
        assert response.status_code == 200, response.text
        return response.json()["data"]

    def start(self, command: str) -> str:
        deployment = {
            "external": {"imagePath": "a/b:c"},
            "docker": {"configType": "customCommand", "customCommand": command},
        }
        body = {
            "name": "the-job",
            "billing": {"deploymentPlan": "nf-compute-20"},
            "deployment": deployment,
            "settings": {"backoffLimit": 0},
        }
        self.call("PUT", JOBS, body)
        return self.call("POST", f"{JOBS}/the-job/runs", {})["id"]

    def log(self, run: str) -> list[str]:
        lines = self.call("GET", f"{JOBS}/the-job/logs?runId={run}&direction=forward")
        return [line["log"] for line in lines]

    def end(self, number: signal.Signals) -> int:
        self.client.close()
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def command() -> Iterator[Callable[..., Command]]:
    started: list[Command] = []

    def start(*options: str) -> Command:
        started.append(Command(*options))
        return started[-1]

    yield start
    for it in started:
        if it.process.poll() is None:
            it.end(signal.SIGKILL)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return True


def test_the_first_line_is_the_base_url(command):
    it = command()

    assert it.url.startswith("http://127.0.0.1:")
    assert it.call("GET", JOBS) == {"jobs": []}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_the_emulator_ends_its_containers(command, until, number):
    it = command()
    run = it.start("sh -c 'echo $$; setsid sleep 600 & echo $!; sleep 600'")
    pids = [
        int(line.split()[-1]) for line in until(lambda: it.log(run), lambda seen: len(seen) == 2)
    ]

    code = it.end(number)

    assert code == (0 if number is not signal.SIGKILL else -signal.SIGKILL)
    for pid in pids:
        until(lambda pid=pid: gone(pid), bool)


def test_state_outlives_a_kill_and_lost_runs_are_failed(command, until, tmp_path):
    state = ("--state-dir", str(tmp_path / "state"))
    first = command(*state)
    finished = first.start("sh -c 'echo done'")
    until(
        lambda: first.call("GET", f"{JOBS}/the-job/runs/{finished}"), lambda run: run["concluded"]
    )
    lost = first.start("sh -c 'echo going; sleep 600'")
    until(lambda: first.log(lost), bool)
    first.end(signal.SIGKILL)

    second = command(*state)

    states = {
        run["id"]: run["status"] for run in second.call("GET", f"{JOBS}/the-job/runs")["runs"]
    }
    assert states == {finished: "SUCCESS", lost: "FAILED"}
    assert second.log(finished) == ["stdout F done"]
    again = second.start("true")
    assert again not in states


def test_two_emulators_do_not_share_a_state_directory(command, tmp_path):
    command("--state-dir", str(tmp_path))

    done = subprocess.run(
        [sys.executable, "-m", "northflank_emulator.cli", "--port", "0", "--state-dir", str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "another emulator is using this state directory" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fault", "earthquake"], "--fault earthquake: kind must be one of"),
        (["--role-token", "x=emperor"], "--role-token x=emperor: expected TOKEN=ROLE"),
        (["--images", "missing.toml"], "missing.toml: it cannot be read"),
        (["--executor", "scripted", "--script", "missing.toml"], "missing.toml: it cannot be read"),
        (["--host", "203.0.113.1"], "assign requested address"),
    ],
)
def test_a_bad_option_is_told_in_one_line(options, said):
    done = subprocess.run(
        [sys.executable, "-m", "northflank_emulator.cli", "--port", "0", *options],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("mistyped", "said"),
    [
        (["--prot", "1"], "there is no --prot. Fix: did you mean --port? (`--help` lists all)"),
        (["--images-env=A=1"], "did you mean --image-env?"),
        (["something"], "there is no something. Fix: leave it out"),
    ],
)
def test_a_mistyped_option_is_answered_with_what_was_meant(mistyped, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(mistyped)

    shown = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in shown
    assert len(shown.splitlines()) == 2


def test_outcomes_can_be_scripted(command, until, tmp_path):
    script = tmp_path / "script.toml"
    script.write_text('[[outcome]]\njob = "the-job"\nexit_codes = [1, 0]\nlines = ["scripted"]\n')
    it = command("--executor", "scripted", "--script", str(script))

    for status in ("FAILED", "SUCCESS"):
        run = it.start("whatever")
        until(
            lambda run=run: it.call("GET", f"{JOBS}/the-job/runs/{run}"),
            lambda seen: seen["concluded"],
        )
        assert it.call("GET", f"{JOBS}/the-job/runs/{run}")["status"] == status
    assert it.log(run) == ["stdout F scripted"]
