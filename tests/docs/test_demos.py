"""`make demo` and `make demo-northflank` do what they say, fail when something fails, and leave nothing running."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from metaflow_prefect.runtime.servers import local_server
from tests.support import prefect_tables
from tests.support.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
PATIENCE_SECONDS = 400

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The examples in a folder of their own: the demos keep their state beside them."""
    shutil.copytree(
        ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__", ".*")
    )
    return tmp_path


@pytest.fixture
def with_tables(project: Path, tables: Path) -> Path:
    """The same, where a demo has been before: its server finds its tables."""
    prefect_tables.place(tables, project / ".demo" / "prefect")
    return project


def start(demo: str, project: Path) -> tuple[subprocess.Popen[bytes], Path]:
    log = project / "demo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", f"examples.{demo}"],
            cwd=project,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return process, log


def run(demo: str, project: Path) -> tuple[int, str]:
    process, log = start(demo, project)
    try:
        code = process.wait(PATIENCE_SECONDS)
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
    return code, log.read_text()


def still_running(project: Path) -> list[str]:
    """The processes whose environment names *project*: containers of the emulator included."""
    mark = str(project / ".demo").encode()
    return [
        read(process / "cmdline").replace(b"\0", b" ").decode()
        for process in Path("/proc").glob("[0-9]*")
        if mark in read(process / "environ")
    ]


def read(path: Path) -> bytes:
    """The content of *path*; nothing if its process ended while we looked, or is somebody else's."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_the_demo_ends_with_the_best_score_and_the_card(project):
    code, output = run("demo", project)

    assert code == 0, output
    assert "best score  0.9911" in output
    assert "data:image/png;base64," in (project / ".demo" / "digits-card.html").read_text()
    assert local_server.stop(project / ".demo" / "prefect"), "its page can be looked at afterwards"
    # The launcher looks every few seconds whether the server is there.
    wait_until(lambda: still_running(project) == [], "all processes of the demo have ended")


def test_the_demo_fails_when_its_flow_does(project):
    (project / "examples" / "digits_flow.py").write_text("raise SystemExit(3)\n")

    code, output = run("demo", project)

    assert code == 1
    assert "prefect run ended with exit code 3" in output
    assert still_running(project) == []


def test_the_northflank_demo_shows_run_and_score_and_leaves_nothing(with_tables):
    code, output = run("demo_northflank", with_tables)

    assert code == 0, output
    assert "is RUNNING" in output
    assert "is SUCCESS" in output
    assert "best score  0.9911" in output
    assert still_running(with_tables) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
def test_the_northflank_demo_stops_everything_when_it_is_interrupted(with_tables):
    process, log = start("demo_northflank", with_tables)
    try:
        wait_until(
            lambda: "is RUNNING" in log.read_text() or process.poll() is not None,
            "a job runs",
            seconds=PATIENCE_SECONDS,
            every=0.5,
        )
        assert process.poll() is None, log.read_text()
        assert len(still_running(with_tables)) > 3
        os.kill(process.pid, signal.SIGINT)

        assert process.wait(PATIENCE_SECONDS) == 130
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)

    assert still_running(with_tables) == []
