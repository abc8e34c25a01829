"""Interpreters are made from locks: once on a machine, whole or not at all, with nothing but what was locked."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from metaflow_prefect.analysis.locks import locked
from metaflow_prefect.errors import InitFailed
from metaflow_prefect.runtime.packages import interpreters, lock
from metaflow_prefect.runtime.packages.made_once import cache_folder, is_made, made_once
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[3]


@pytest.fixture
def locks(flow, variables):
    """The locks of two versions of one package, for this machine."""
    found = locked(
        flow(start=("tinypkg==1.0",), end=("tinypkg==2.0",)), interpreters.here(), variables
    )
    text = "\n".join(line for item in found.locks for line in item.lines)
    return tuple(lock.parse(text).locks.values())


def version_in(python):
    code = "import tinypkg; print(tinypkg.__version__)"
    return subprocess.check_output([python, "-c", code], text=True).strip()


def test_each_lock_has_an_interpreter_with_its_packages(locks, variables):
    said = []

    made = interpreters.make_all(locks, variables, said.append)

    assert [version_in(made[item.key]) for item in locks] == ["1.0", "2.0"]
    assert said == ["start: uv installs tinypkg==1.0", "end: uv installs tinypkg==2.0"]


def test_an_interpreter_that_is_there_needs_no_index(locks, variables):
    made = interpreters.make_all(locks, variables, print)
    away = {**variables, "UV_DEFAULT_INDEX": f"http://127.0.0.1:{free_port()}/simple"}
    said = []

    assert interpreters.make_all(locks, away, said.append) == made
    assert not said


def test_programs_of_a_step_find_its_interpreter_by_name(locks, variables):
    made = interpreters.make_all(locks, variables, print)
    environment = {**variables, **interpreters.activated(made[locks[0].key], variables)}

    found = subprocess.check_output(
        ["sh", "-c", "python -c 'import sys; print(sys.executable)'"], text=True, env=environment
    )

    assert found.strip() == made[locks[0].key]


def test_a_file_that_is_not_the_one_that_was_locked_is_refused(locks, variables):
    other = locks[1].requirements.partition("--hash=")[2]
    swapped = locks[0].requirements.partition("--hash=")[0] + "--hash=" + other
    forged = replace(locks[0], requirements=swapped)

    with pytest.raises(InitFailed) as caught:
        interpreters.make_all([forged], variables, print)

    assert "start: @pypi — the index has another file of tinypkg==1.0" in caught.value.problem
    assert caught.value.fix.startswith("make a new lock")


def test_an_index_that_has_lost_a_package_is_reported_with_all_steps(locks, variables, tmp_path):
    (tmp_path / "empty").mkdir()
    away = {**variables, "UV_DEFAULT_INDEX": f"http://me:S3cretWord@127.0.0.1:{free_port()}/simple"}
    away["UV_CACHE_DIR"] = str(tmp_path / "another-cache")

    with pytest.raises(InitFailed) as caught:
        interpreters.make_all(locks, away, print)

    assert "start: @pypi — the package index does not answer" in caught.value.problem
    assert "end: @pypi — the package index does not answer" in caught.value.problem
    assert "S3cretWord" not in str(caught.value)


def test_a_python_that_is_not_here_is_named(locks, variables):
    elsewhere = replace(locks[0], target=replace(locks[0].target, python="3.99"))

    with pytest.raises(InitFailed, match=r"start: @pypi — Python 3\.99 is not on this machine"):
        interpreters.make_all([elsewhere], variables, print)


def test_without_uv_the_steps_that_need_it_are_named(locks, variables, tmp_path):
    script = (
        "import sys\n"
        "sys.modules['uv'] = None\n"  # as if it was not installed
        "from metaflow_prefect.runtime.packages import interpreters, lock\n"
        "locks = lock.parse(sys.stdin.read()).locks.values()\n"
        "interpreters.make_all(locks, {'PATH': sys.argv[1]}, print)\n"
    )
    text = "\n".join([*(line for item in locks for line in item.lines()), "# --- end of locks ---"])

    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], input=text, capture_output=True, text=True,
        check=False, cwd=ROOT,
    )  # fmt: skip

    assert "uv, which makes the interpreters of steps with @pypi, is missing (end, start)." in (
        ended.stderr
    )
    assert "Fix: install uv where the flow runs" in ended.stderr


def _fill(folder: Path, traces: Path) -> None:
    with traces.open("a") as trace:
        trace.write("made\n")
    (folder / "content").write_text("whole")


def _want(folder: Path, traces: Path) -> None:
    made_once(folder, lambda it: _fill(it, traces))


def test_processes_that_want_a_folder_at_once_make_it_once(tmp_path):
    traces, folder = tmp_path / "traces", tmp_path / "folder"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_want, args=(folder, traces)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)

    assert traces.read_text() == "made\n"
    assert (folder / "content").read_text() == "whole"


def _begin(folder: Path) -> None:
    (folder / "half").touch()
    signal.pause()


def test_what_a_killed_process_has_left_is_made_again(tmp_path):
    folder = tmp_path / "folder"
    context = multiprocessing.get_context("fork")
    process = context.Process(target=made_once, args=(folder, _begin))
    process.start()
    wait_until((folder / "half").exists, "the other process has begun", seconds=30)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(30)
    assert not is_made(folder)

    made_once(folder, lambda it: (it / "content").touch())

    assert is_made(folder)
    assert not (folder / "half").exists()


def test_a_folder_whose_making_fails_is_not_there_for_others(tmp_path):
    def fail(folder):
        raise OSError(folder)

    with pytest.raises(OSError):
        made_once(tmp_path / "folder", fail)
    assert not is_made(tmp_path / "folder")


def test_a_user_without_a_home_gets_a_folder_that_only_they_can_write(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "file").touch()

    found = cache_folder({"HOME": str(tmp_path / "file")}, "interpreters")

    assert found.is_relative_to(tmp_path)
    assert found.parent.stat().st_mode & 0o077 == 0
