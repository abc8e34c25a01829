"""Fixtures shared by all tests: a clean environment, expected files, and one Prefect server a session."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden"
_FOREIGN = ("METAFLOW_", "PREFECT_", "NORTHFLANK_", "NF_", "AWS_")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the expected files")


@dataclass(frozen=True)
class Server:
    """A running Prefect server; `environment` is what a client of it needs."""

    url: str
    environment: dict[str, str]


@pytest.fixture(autouse=True, scope="session")
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Hide the settings of whoever runs the tests; give them a home and a user of their own."""
    home = tmp_path_factory.mktemp("home")
    kept = dict(os.environ)
    for name in kept:
        if name.startswith(_FOREIGN):
            del os.environ[name]
    os.environ.update(
        HOME=str(home),
        USERNAME="tester",
        PREFECT_HOME=str(home / ".prefect"),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
        METAFLOW_HOME=str(home / ".metaflowconfig"),
        METAFLOW_DATASTORE_SYSROOT_LOCAL=str(home),
        # A console of its own width would fold what tests read.
        COLUMNS="200",
    )
    yield home
    os.environ.clear()
    os.environ.update(kept)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real `prefect server start` with a database of its own."""
    home = tmp_path_factory.mktemp("server")
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "0.5",
        "PREFECT_SERVER_UI_ENABLED": "false",
    }
    log = (home / "server.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)],
        env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        _wait_until_healthy(url, process, home / "server.log")
        yield Server(url, {"PREFECT_API_URL": url, "PREFECT_HOME": str(home)})
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(1200):
        if process.poll() is not None:
            pytest.fail(f"the Prefect server ended:\n{log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the Prefect server did not become healthy:\n{log.read_text()[-3000:]}")


_used_golden: set[Path] = set()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str | Path, str], None]:
    """Compare a text with an expected file: below tests/golden, or an absolute path.

    A missing file fails; `--update-golden` writes it.
    """

    def compare(path: str | Path, text: str) -> None:
        expected = GOLDEN / path
        _used_golden.add(expected)
        if request.config.getoption("--update-golden"):
            expected.parent.mkdir(parents=True, exist_ok=True)
            expected.write_text(text, encoding="utf-8")
            return
        if not expected.exists():
            pytest.fail(f"{expected.relative_to(ROOT)} is missing: make golden writes it")
        assert text == expected.read_text(encoding="utf-8")

    return compare


def used_golden() -> set[Path]:
    """The expected files that this session has compared with."""
    return _used_golden
