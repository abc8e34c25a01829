"""A job's container on this machine: executes one deployed flow run, and can die like one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path

from tests.support import quick_start
from tests.support.waiting import wait_until

FLOW = Path(__file__).parent / "counting_flow.py"
TASKS = 1 + 26 + 1 + 3 + 1
PATIENCE_SECONDS = 600


class Death(str, Enum):
    """What is killed."""

    CONTAINER = "everything at once"
    FLOW_PROCESS = "the flow's process, but not its steps"


class Container:
    """Executes one flow run below *folder*, as often as it takes. `run_id` is Metaflow's."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.run_id = ""
        self._log = folder / "executed.log"
        self._log.touch()
        self._environment = {
            **os.environ,
            **environment,
            "COUNTING_LOG": str(self._log),
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder),
        }

    def command(self, *words: str) -> str:
        """Run Python with *words* in the folder; return what it says."""
        done = subprocess.run(
            [sys.executable, *words], cwd=self.folder, env=self._environment | quick_start.ENVIRONMENT,
            capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def deploy_and_trigger(self, pool: str) -> None:
        """Deploy the flow to a pool without a worker and create the run."""
        self.command(str(FLOW), "prefect", "deploy", "--work-pool", pool, "--max-workers", "2")
        self.trigger(FLOW)

    def trigger(self, flow: Path) -> None:
        """Create a run of the deployment of *flow*."""
        file = self.folder / "run_id"
        self.command(str(flow), "prefect", "trigger", "--run-id-file", str(file))
        self.run_id = file.read_text()

    def start(self) -> subprocess.Popen[bytes]:
        """Execute the flow run, from its beginning or from where it was."""
        with (self.folder / "out.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "prefect", "flow-run", "execute", self.run_id.removeprefix("prefect-")],
                cwd=self.folder, env=self._environment, start_new_session=True,
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def executed(self) -> list[str]:
        """The pathspec of each task, once for each time that it was executed."""
        return self._log.read_text().split()

    def recorded(self) -> set[str]:
        """The tasks that Metaflow has recorded as done."""
        run = self.folder / ".metaflow" / "CountingFlow" / self.run_id
        return {
            f"CountingFlow/{self.run_id}/{lock.parent.parent.name}/{lock.parent.name}"
            for lock in run.glob("*/*/*.DONE.lock")
            if lock.parent.parent.name != "_parameters"
        }

    def forget_what_was_registered(self, task: str) -> None:
        """Leave of a recorded task what a kill leaves that comes when its first artifact was registered."""
        folder = self.folder / ".metaflow" / task
        _, *artifacts = sorted(folder.glob("_meta/*_artifact_*.json"))
        lost = [*folder.glob("*.runtime*"), *artifacts]
        assert lost, task
        for file in lost:
            file.unlink()

    def steps(self) -> list[int]:
        """The processes of this run's steps, wherever they belong."""
        mark = f"METAFLOW_RUN_ID={self.run_id}".encode()
        return [pid for pid in _processes() if mark in _read(pid, "environ").split(b"\0")]

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill whatever is left of *process*."""
        if process.poll() is None:
            self.kill(process, Death.CONTAINER)

    def kill(self, process: subprocess.Popen[bytes], death: Death) -> None:
        """Kill *process* with all it has started, or only Prefect's part of it, and see every step end."""
        family = _descendants(process.pid)
        steps = set(self.steps())
        for pid in family:
            if death is Death.CONTAINER or pid not in steps:
                if death is Death.FLOW_PROCESS and b"guard.py" in _read(pid, "cmdline"):
                    continue
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        process.wait()
        wait_until(
            lambda: not self.steps(),
            "the steps of a dead flow process have ended",
            seconds=PATIENCE_SECONDS,
        )


def children(pid: int) -> list[int]:
    """Return the processes that *pid* has started and that still run."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(child) for child in listed.read_text().split()]
    return found


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        found += children(parent)
    return found


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # gone, or not ours
        return b""
