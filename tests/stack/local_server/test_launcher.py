"""A run that the launcher's fork executes sees, prints and ends as one that its own process executes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from metaflow_prefect.launcher import handover
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.servers import local_server
from tests.support.processes import is_alive, wait_until_gone
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no launcher"),
]

FLOW = Path(__file__).with_name("flows") / "telling_flow.py"
PATIENCE_SECONDS = 240
ENDINGS = {
    "completed": ("run",),
    "failed": ("run", "--fails", "true"),
    "refused": ("run", "--max-workers", "none"),
    "resumed": ("resume",),
}


class Commands:
    """Runs of a flow in *folder*, all with the same environment, so that the launcher may execute any."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home, self.folder = home, folder
        self.flow = folder / "telling_flow.py"
        shutil.copy(FLOW, self.flow)
        self._told = folder / "told.json"
        self._environment = {
            name: value for name, value in os.environ.items() if name != variables.LAUNCHER
        } | {"PREFECT_HOME": str(home), "TOLD": str(self._told)}

    @property
    def sockets(self) -> list[Path]:
        return list((self.home / "metaflow-prefect").glob(handover.socket_name("*")))

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Start `prefect` with *words*, with these environment *variables* beyond those that all commands have."""
        self._told.unlink(missing_ok=True)
        return subprocess.Popen(
            [sys.executable, self.flow.name, "--no-pylint", "prefect", *words],
            env=self._environment | variables, cwd=self.folder, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def told(self) -> dict[str, Any]:
        """Return what the flow's process told about itself."""
        found: dict[str, Any] = json.loads(self._told.read_text())
        return found

    def run(self, *words: str, **variables: str) -> tuple[bool, int, dict[str, Any], str]:
        """Return whether the launcher executed a command, its exit code, what its process saw, and what it printed."""
        process = self.start(*words, **variables)
        out, err = process.communicate("typed", timeout=PATIENCE_SECONDS)
        told = self.told()
        return told["pid"] != process.pid, process.returncode, told["process"], out + err

    def wait_for_the_launcher(self) -> None:
        wait_until(lambda: self.sockets, "a launcher listens", seconds=PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def commands(home, tmp_path_factory) -> Commands:
    """Commands of which the first has started the local server and a launcher."""
    found = Commands(home, tmp_path_factory.mktemp("flow"))
    is_forked, code, _, printed = found.run("run")
    assert (is_forked, code) == (False, 0), printed
    found.wait_for_the_launcher()
    return found


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_forked_run_sees_and_ends_as_one_of_its_own(commands, ending):
    is_forked, code, seen, printed = commands.run(*ENDINGS[ending])
    is_alone, own_code, own_seen, own = commands.run(
        *ENDINGS[ending], METAFLOW_PREFECT_LAUNCHER="off"
    )

    assert (is_forked, is_alone) == (True, False)
    assert code == own_code, (printed, own)
    assert seen == own_seen
    assert _without_names(printed) == _without_names(own)


def _without_names(printed: str) -> set[str]:
    """Return the words that two runs have in common: not their names, times and ids."""
    return {word for word in printed.split() if word.isalpha() and "-" not in word}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_command_ends_its_run(commands, sent):
    marker = commands.folder / "waits"
    marker.unlink(missing_ok=True)
    process = commands.start("run", "--waits", str(marker))
    process.stdin.close()
    wait_until(lambda: marker.exists() and marker.read_text(), "the step waits")
    executing, waiting = commands.told()["pid"], int(marker.read_text())
    assert executing != process.pid

    process.send_signal(sent)
    process.wait(PATIENCE_SECONDS)

    wait_until_gone(executing, waiting)
    assert process.returncode != 0


def test_a_stopped_command_stops_its_run_and_goes_on_with_it(commands):
    marker = commands.folder / "waits"
    marker.unlink(missing_ok=True)
    process = commands.start("run", "--waits", str(marker))
    process.stdin.close()
    wait_until(lambda: marker.exists() and marker.read_text(), "the step waits")
    executing = commands.told()["pid"]

    process.send_signal(signal.SIGTSTP)
    wait_until(lambda: _state(executing) == _state(process.pid) == "T", "both have stopped")
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: "T" not in _state(executing) + _state(process.pid), "both go on")
    process.send_signal(signal.SIGINT)

    process.wait(PATIENCE_SECONDS)
    wait_until_gone(executing)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_run_goes_on_and_its_command_with_it_when_the_launcher_is_killed(commands):
    marker = commands.folder / "waits"
    marker.unlink(missing_ok=True)
    process = commands.start("run", "--waits", str(marker))
    process.stdin.close()
    wait_until(lambda: marker.exists() and marker.read_text(), "the step waits")
    executing = commands.told()["pid"]
    launcher = int(Path(f"/proc/{executing}/stat").read_text().rpartition(")")[2].split()[1])

    os.kill(launcher, signal.SIGKILL)
    wait_until_gone(launcher)

    assert process.poll() is None
    assert is_alive(executing)
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE_SECONDS)
    wait_until_gone(executing)
    assert process.returncode != 0
    # The next command finds nothing that listens, and has another launcher started.
    assert commands.run("run")[:2] == (False, 0)
    wait_until(lambda: commands.run("run")[0], "there is another launcher")


def test_another_environment_is_executed_by_its_own_process(commands):
    is_forked, code, _, _ = commands.run("run", SOME_VARIABLE="new")

    assert (is_forked, code) == (False, 0)


def test_a_changed_package_is_executed_by_a_fresh_process(commands, home):
    assert commands.run("run")[0]
    # What pip changes when it installs a profile, a plugin or a package.
    (home / "profiles.toml").write_text('active = "ephemeral"\n\n[profiles.ephemeral]\n')

    assert not commands.run("run")[0]
    wait_until(lambda: commands.run("run")[0], "there is another launcher")


def test_a_program_that_does_something_before_it_imports_metaflow_does_it_once(commands):
    text = FLOW.read_text().replace("from metaflow import", "print('once')\nfrom metaflow import")
    commands.flow.write_text(text)
    try:
        is_forked, code, _, printed = commands.run("run")
    finally:
        shutil.copy(FLOW, commands.flow)

    assert (is_forked, code) == (False, 0)
    assert printed.splitlines().count("once") == 1


@pytest.mark.parametrize("is_killed", [False, True])
def test_the_launcher_ends_with_the_local_server(commands, home, is_killed):
    wait_until(lambda: commands.run("run")[0], "there is a launcher")
    server = local_server.status(home).server
    assert server is not None

    if is_killed:
        os.kill(server.pid, signal.SIGKILL)
    else:
        local_server.stop(home)

    wait_until(lambda: not commands.sockets, "the launchers have ended")
