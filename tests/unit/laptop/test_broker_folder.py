"""Folders of brokers: a later run removes those whose run and broker are both gone, and no others."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from metaflow_northflank.run.broker_folder import BrokerFolder, remove_left

RUN = """
import os, subprocess, sys
from metaflow_northflank.run.broker_folder import BrokerFolder

folder = BrokerFolder()
broker = subprocess.Popen(["sleep", "60"], pass_fds=[folder.lock], stdout=subprocess.DEVNULL)
print(folder.path, broker.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def run(tmp_path):
    """A run and its broker, as processes: the run, the folder, the broker's id."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    with process:
        path, broker = process.stdout.readline().split()
        age(Path(path))
        yield process, Path(path), int(broker)
        process.kill()
        subprocess.run(["kill", "-9", broker], check=False, capture_output=True)


def age(folder: Path) -> None:
    old = time.time() - 3600
    os.utime(folder, (old, old))


def killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_the_folder_of_a_run_killed_with_its_broker_is_removed(run):
    process, folder, broker = run
    killed(process)
    os.kill(broker, 9)
    while not has_ended(broker):
        time.sleep(0.05)

    remove_left()

    assert not folder.exists()


@pytest.mark.parametrize("is_run_killed", [False, True])
def test_the_folder_stays_while_the_run_or_its_broker_lives(run, is_run_killed):
    process, folder, _ = run
    if is_run_killed:
        killed(process)

    remove_left()

    assert folder.exists()


def test_a_folder_that_a_run_is_just_making_stays(tmp_path):
    young = tmp_path / "metaflow-nf-young"
    young.mkdir()

    remove_left()

    assert young.exists()


def test_a_run_that_ends_removes_its_own_folder():
    folder = BrokerFolder()

    folder.close()

    assert not Path(folder.path).exists()
