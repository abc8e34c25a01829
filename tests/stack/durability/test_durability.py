"""A run survives the death of its container: what Metaflow has recorded as done is not done again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

FLOW = Path(__file__).parent / "counting_flow.py"
TASKS = 1 + 26 + 1 + 3 + 1

pytestmark = pytest.mark.slow


class Container:
    """Executes one deployed flow run as a job's container does, and can die like one."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.log = folder / "executed.log"
        self.log.touch()
        self.environment = {
            **os.environ,
            **environment,
            "COUNTING_LOG": str(self.log),
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder),
        }

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, flow_run_id: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "prefect", "flow-run", "execute", flow_run_id],
            cwd=self.folder, env=self.environment, start_new_session=True,
            stdout=(self.folder / "out.log").open("ab"), stderr=subprocess.STDOUT,
        )  # fmt: skip

    def executed(self) -> list[str]:
        return self.log.read_text().split()

    def recorded(self, run_id: str) -> set[str]:
        """The tasks that Metaflow has recorded as done."""
        run = self.folder / ".metaflow" / "CountingFlow" / run_id
        return {
            f"CountingFlow/{run_id}/{lock.parent.parent.name}/{lock.parent.name}"
            for lock in run.glob("*/*/*.DONE.lock")
        }


def descendants(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            found += [int(child) for child in children.read_text().split()]
    return found


def kill_all(process: subprocess.Popen[bytes]) -> None:
    for pid in descendants(process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def pool(prefect_server):
    subprocess.run(
        [sys.executable, "-m", "prefect", "work-pool", "create", "--type", "process", "durable"],
        env={**os.environ, **prefect_server.environment}, check=True, capture_output=True,
    )  # fmt: skip
    return "durable"


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_run_goes_on_where_it_stopped(seed, pool, prefect_server, tmp_path):
    container = Container(tmp_path, prefect_server.environment)
    run_id_file = tmp_path / "run_id"
    container.command(str(FLOW), "prefect", "deploy", "--work-pool", pool, "--max-workers", "2")
    container.command(str(FLOW), "prefect", "trigger", "--run-id-file", str(run_id_file))
    run_id = run_id_file.read_text()
    moments = random.Random(seed)

    before: set[str] = set()
    for _ in range(2):
        process = container.start(run_id.removeprefix("prefect-"))
        wanted = len(container.executed()) + moments.randint(2, 9)
        while process.poll() is None and len(container.executed()) < wanted:
            time.sleep(0.05)
        time.sleep(moments.random() / 2)
        kill_all(process)
        before = container.recorded(run_id)
    at_last_death = Counter(container.executed())
    assert container.start(run_id.removeprefix("prefect-")).wait(300) == 0

    done = container.recorded(run_id) - {f"CountingFlow/{run_id}/_parameters/t-params"}
    again = Counter(container.executed()) - at_last_death
    assert len(done) == TASKS
    assert set(again) & before == set()
    assert max(again.values()) == 1
    assert "Completed" in (tmp_path / "out.log").read_text()
