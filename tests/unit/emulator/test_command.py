"""The command `northflank-emulator`: what it prints, what outlives it, and what does not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from northflank_emulator.cli import main
from northflank_emulator.state.store import StateRefused, Store

from tests.support.processes import is_alive

pytestmark = pytest.mark.slow
TOKEN = "test-token"
JOBS = "/v1/projects/demo/jobs"


class Command:
    """Start the emulator as a process of its own."""

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
        until(lambda pid=pid: not is_alive(pid), bool)


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


def refused(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command with options with which it does not start."""
    return subprocess.run(
        [sys.executable, "-m", "northflank_emulator.cli", *options],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--images", "missing.toml"], "missing.toml: it cannot be read"),
        (["--executor", "scripted", "--script", "missing.toml"], "missing.toml: it cannot be read"),
        (
            ["--host", "203.0.113.1"],
            "--host 203.0.113.1: this is not an address of this machine. Fix: ",
        ),
        (["--host", "no.invalid"], "--host no.invalid: it has no known address"),
        (["--state-dir", "/dev/null"], "--state-dir /dev/null: file exists. Give the emulator its"),
    ],
)
def test_a_start_that_fails_is_told_in_one_line(options, said):
    done = refused("--port", "0", *options)

    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_named_with_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = refused("--port", str(port))

    assert done.returncode == 1
    assert done.stderr == (
        f"northflank-emulator: --port {port}: another process listens there already, perhaps another "
        "emulator. Fix: stop it, or choose another port (0 picks a free one).\n"
    )


def test_every_option_that_means_nothing_is_named_at_once(capsys):
    wrong = {
        "--port": ("99999", "'99999': expected a whole number from 0 to 65535"),
        "--host": (
            "",
            "'': expected a name or an address of this machine; leave it out for 127.0.0.1",
        ),
        "--rate-limit": ("-5", "'-5': expected a whole number from 1 to 1000000000"),
        "--project": ("a b!", "'a b!': expected 3 to 52 letters and digits"),
        "--log-level": ("loud", "'loud': expected one of debug, info, warning, error"),
        "--build-seconds": ("nan", "'nan': expected seconds from 0 to 86400"),
        "--image-env": ("A B", "'A B': expected NAME or NAME=VALUE"),
        "--fault": (
            "latency,seconds=inf,foo=1",
            "seconds must be from 0 to 86400; foo is not a known field",
        ),
    }

    with pytest.raises(SystemExit) as ended:
        main([word for option, (text, _) in wrong.items() for word in (option, text)])

    shown = capsys.readouterr().err
    assert ended.value.code == 2
    for option, (_, said) in wrong.items():
        assert f"{option} " in shown
        assert said in shown
    assert len(shown.splitlines()) == 1 + len(wrong)


def test_a_token_that_cannot_be_is_refused_but_not_shown(capsys, monkeypatch):
    monkeypatch.setenv("NORTHFLANK_API_TOKEN", "s3cret of mine")

    with pytest.raises(SystemExit):
        main(["--role-token", "s3cret=emperor"])

    shown = capsys.readouterr().err
    assert "--role-token: expected TOKEN=ROLE, of admin, worker, read-only" in shown
    assert "NORTHFLANK_API_TOKEN: expected letters, digits and punctuation" in shown
    assert "s3cret" not in shown


def test_a_script_without_its_executor_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--script", "outcomes.toml"])

    assert "--executor scripted; add it, or leave --script out" in capsys.readouterr().err


def test_a_token_of_the_environment_is_named_and_not_printed():
    environment = {**os.environ, "NORTHFLANK_API_TOKEN": "s3cret"}
    program = [sys.executable, "-m", "northflank_emulator.cli", "--port", "0"]
    with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        shown = "".join(process.stdout.readline() for _ in range(9))
        process.send_signal(signal.SIGTERM)

    assert "s3cret" not in shown
    assert "-t $NORTHFLANK_API_TOKEN --host http" in shown


# The state directory


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_state_directory_that_others_could_read_is_closed_to_them(tmp_path):
    state = tmp_path / "state"
    Store(state).close()
    state.chmod(0o755)
    for file in state.iterdir():
        file.chmod(0o644)

    store = Store(state)

    assert mode(state) == 0o700
    assert {mode(file) for file in state.iterdir()} == {0o600}
    assert {file.name for file in state.iterdir()} >= {"lock", "state.sqlite", "state.sqlite-wal"}
    store.close()


def test_a_directory_with_other_things_in_it_stays_open_and_the_state_private(tmp_path):
    (tmp_path / "notes.txt").touch()
    tmp_path.chmod(0o755)

    Store(tmp_path).close()

    assert mode(tmp_path) == 0o755
    assert mode(tmp_path / "state.sqlite") == mode(tmp_path / "lock") == 0o600


def test_a_directory_into_which_every_user_may_put_files_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    tmp_path.chmod(0o1777)

    with pytest.raises(StateRefused, match="every user may put files into it"):
        Store(tmp_path)

    assert not (tmp_path / "state.sqlite").exists()


def test_a_file_that_is_not_a_database_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "state.sqlite").write_text("hello")

    with pytest.raises(StateRefused, match="file is not a database"):
        Store(tmp_path)

    assert (tmp_path / "state.sqlite").read_text() == "hello"


@pytest.mark.parametrize(
    ("mistyped", "said"),
    [
        (
            ["--prot", "1"],
            "--prot is not an option. Fix: did you mean --port? (`--help` lists all)",
        ),
        (["--images-env=A=1"], "did you mean --image-env?"),
        (["something"], "something is not an option. Fix: leave it out"),
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
