"""A server, a process pool with a worker, a folder with flows, and a way to give commands."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import quick_start

FLOWS = Path(__file__).parent / "flows"


@dataclass(frozen=True)
class Place:
    """A folder with flows, and the environment in which commands are given there."""

    folder: Path
    environment: dict[str, str]

    def command(
        self, *words: str, below: str = ".", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words], cwd=self.folder / below, env={**self.environment, **variables},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip


@pytest.fixture(scope="session")
def place(prefect_server, tmp_path_factory) -> Place:
    folder = tmp_path_factory.mktemp("flows")
    shutil.copytree(FLOWS, folder, dirs_exist_ok=True)
    environment = {
        **os.environ,
        **quick_start.ENVIRONMENT,
        **prefect_server.environment,
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder),
        "METAFLOW_HOME": str(folder / "home"),
    }
    found = Place(folder, environment)
    for name, kind in (("pool", "process"), ("idle", "process"), ("remote", "docker")):
        made = found.command("-m", "prefect", "work-pool", "create", "--type", kind, name)
        assert made.returncode == 0, made.stderr
    return found


@pytest.fixture(scope="session")
def worker(place) -> Iterator[None]:
    with (place.folder / "worker.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", "pool"],
            cwd=place.folder, env={**place.environment, "PREFECT_WORKER_QUERY_SECONDS": "1"}, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        yield
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def environment(place, monkeypatch) -> Iterator[None]:
    """This process as a client of the server, as a notebook would be."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    for name in ("PREFECT_API_URL", "METAFLOW_DATASTORE_SYSROOT_LOCAL", "METAFLOW_HOME"):
        monkeypatch.setenv(name, place.environment[name])
    # Prefect reads its settings once a process, and a test of another file may have been first.
    with temporary_settings(updates={PREFECT_API_URL: place.environment["PREFECT_API_URL"]}):
        yield
