"""How runs are executed: real processes, as like a container as a process can be."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from northflank_emulator import Limits, Pace

pytestmark = pytest.mark.slow


def python(code: str) -> str:
    """Return a command that executes *code*."""
    return f'python -u -c "{textwrap.dedent(code).strip()}"'


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_a_container_sees_nothing_of_the_emulators_environment(stage, monkeypatch):
    monkeypatch.setenv("OF_THE_EMULATOR", "secret")
    it = stage()
    it.job(command=python("import os; print(sorted(os.environ))"))

    run = it.start(runtimeEnvironment={"MINE": "1"})

    it.concluded(run)
    expected = [
        "HOME",
        "HOSTNAME",
        "LANG",
        "MINE",
        "NF_HOSTS",
        "NF_OBJECT_ID",
        "NF_PROJECT_ID",
        "PATH",
    ]
    assert it.log(run) == [f"stdout F {expected}"]


def test_each_run_begins_in_an_empty_directory_of_its_own(stage):
    it = stage()
    it.job(command=python("import os; print(os.listdir('.')); open('trace', 'w')"))

    runs = [it.start(), it.start()]

    for run in runs:
        it.concluded(run)
        assert it.log(run) == ["stdout F []"]


def test_the_programs_of_the_environment_come_first(stage):
    it = stage()
    it.job(command=python("import sys; print(sys.executable)"))

    run = it.start()

    it.concluded(run)
    assert it.log(run) == [f"stdout F {Path(sys.executable).parent / 'python'}"]


def test_both_streams_are_logged_and_told_apart(stage):
    it = stage()
    it.job(command="sh -c 'echo out; echo err >&2; printf rest'")

    run = it.start()

    it.concluded(run)
    assert sorted(it.log(run)) == ["stderr F err", "stdout F out", "stdout F rest"]


def test_no_line_is_lost(stage):
    it = stage()
    it.job(command=python("for i in range(9000): print(i)"))

    run = it.start()

    it.concluded(run)
    assert it.log(run) == [f"stdout F {number}" for number in range(9000)]


def test_a_command_that_does_not_exist_fails_with_a_word_about_it(stage):
    it = stage()
    it.job(command="no-such-program --flag")

    run = it.start()

    assert it.concluded(run)["status"] == "FAILED"
    assert it.containers(run) == ["TASK_FAILED"]
    assert "No such file" in it.log(run)[0]


def test_an_abort_asks_first(stage, until):
    it = stage()
    it.job(
        command="""sh -c 'trap "echo asked; exit 0" TERM; echo up; while true; do sleep 0.1; done'"""
    )
    run = it.start()
    until(lambda: it.log(run), bool)

    it.emulator.call("DELETE", f"{it.jobs}/the-job/runs/{run}")

    assert it.concluded(run)["status"] == "FAILED"
    # What its shell says of the interrupted `sleep` is the shell's business.
    assert [line for line in it.log(run) if "stdout" in line] == ["stdout F up", "stdout F asked"]
    assert it.containers(run) == ["TASK_KILLED"]


def test_who_does_not_listen_is_killed_after_the_grace_period(stage, until):
    # A stopping emulator asks like an abort, with a shorter grace period than the API's 15 seconds.
    it = stage(pace=Pace(shutdown_grace=0.3))
    it.job(command="""sh -c 'trap "" TERM; echo $$; while true; do sleep 0.1; done'""")
    run = it.start()
    pid = int(until(lambda: it.log(run), bool)[0].split()[-1])

    it.emulator.__exit__(None, None, None)

    assert not alive(pid)


def test_the_end_of_the_command_is_the_end_of_everything_it_started(stage, until):
    it = stage()
    it.job(command="sh -c 'setsid sleep 600 & echo $!; sleep 0.2'")
    run = it.start()

    it.concluded(run)

    pid = int(it.log(run)[0].split()[-1])
    until(lambda: alive(pid), lambda it: not it)


def test_a_deadline_ends_a_run_over_all_its_attempts(stage):
    it = stage()
    it.job(command="sleep 600", activeDeadlineSeconds=1, backoffLimit=5)

    run = it.start()

    assert it.concluded(run)["status"] == "FAILED"
    assert it.containers(run) == ["TASK_KILLED"]


def test_a_failed_container_is_tried_again(stage):
    it = stage(pace=Pace(retry=0.05))
    it.job(command="sh -c 'exit 3'", backoffLimit=2)

    run = it.start()

    shown = it.concluded(run)
    assert (shown["status"], shown["backoffLimit"]) == ("FAILED", 2)
    assert it.containers(run) == ["TASK_FAILED"] * 3


def test_too_much_memory_kills_the_container(stage):
    it = stage()
    it.job(
        command=python(
            "import time; x = bytearray(700 * 1024 * 1024); print('have it'); time.sleep(60)"
        )
    )

    run = it.start()

    assert it.concluded(run)["status"] == "FAILED"
    assert it.containers(run) == ["TASK_FAILED"]


def test_memory_that_forks_share_counts_once(stage):
    code = """
        import os, time
        x = bytearray(200 * 1024 * 1024)
        for _ in range(4):
            if not os.fork():
                time.sleep(1.5)
                os._exit(0)
        for _ in range(4):
            os.wait()
    """
    it = stage()
    it.job(command=python(code))

    assert it.concluded(it.start())["status"] == "SUCCESS"


def test_the_log_of_a_run_is_limited_and_keeps_its_end(stage):
    it = stage(limits=Limits(log_characters_per_run=10_000))
    it.job(command=python("for i in range(2000): print('line', i)"))

    run = it.start()

    it.concluded(run)
    lines = it.log(run)
    assert 500 < len(lines) < 1200
    assert lines[-1] == "stdout F line 1999"


def test_old_runs_make_room_for_new_ones(stage):
    it = stage(limits=Limits(runs_per_job=3))
    it.job()

    runs = [it.start() for _ in range(1)]
    for _ in range(4):
        it.concluded(runs[-1])
        runs.append(it.start())
    it.concluded(runs[-1])

    listed = it.emulator.call("GET", f"{it.jobs}/the-job/runs")["runs"]
    assert [run["id"] for run in listed] == runs[:1:-1]


def test_an_images_file_says_what_an_image_is(stage, tmp_path):
    program = tmp_path / "bin" / "greet"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho hello from $IMAGE to $1\n")
    program.chmod(0o755)
    images = tmp_path / "images.toml"
    images.write_text(
        '[[image]]\npattern = "example/*"\nbin = "bin"\nentrypoint = ["greet"]\n'
        'command = ["nobody"]\nenv = { IMAGE = "the image" }\n'
    )
    it = stage(images=images)
    it.job(command="you")

    runs = [it.start(), it.start(deployment={"docker": {"configType": "default"}})]

    for run in runs:
        it.concluded(run)
    assert [it.log(run) for run in runs] == [
        ["stdout F hello from the image to you"],
        ["stdout F hello from the image to nobody"],
    ]


def test_an_image_that_no_pattern_matches_is_waited_for_until_the_run_is_stopped(
    stage, tmp_path, until
):
    images = tmp_path / "images.toml"
    images.write_text(f'[[image]]\npattern = "known:*"\nbin = "{Path(sys.executable).parent}"\n')
    it = stage(images=images)
    it.job()
    run = it.start()
    until(lambda: it.containers(run), lambda seen: seen == ["TASK_STAGING"])

    assert it.run(run)["status"] == "RUNNING"
    it.emulator.call("DELETE", f"{it.jobs}/the-job/runs/{run}")

    assert it.concluded(run)["status"] == "FAILED"


def test_extra_packages_are_installed_for_the_run_and_nowhere_else(stage, tmp_path):
    package = tmp_path / "extra_of_a_run"
    package.mkdir()
    (package / "extra_of_a_run.py").write_text("WORD = 'installed'\n")
    (package / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "extra-of-a-run"\nversion = "1"\n'
    )
    (package / "backend.py").write_text(
        textwrap.dedent("""
        import zipfile
        def build_wheel(directory, config_settings=None, metadata_directory=None):
            name = "extra_of_a_run-1-py3-none-any.whl"
            info = "extra_of_a_run-1.dist-info"
            with zipfile.ZipFile(directory + "/" + name, "w") as wheel:
                wheel.write("extra_of_a_run.py")
                wheel.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: extra-of-a-run\\nVersion: 1\\n")
                wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
                wheel.writestr(info + "/RECORD", "")
            return name
        """)
    )
    it = stage()
    it.job(command=python("import extra_of_a_run, starlette; print(extra_of_a_run.WORD)"))

    run = it.start(runtimeEnvironment={"EXTRA_PIP_PACKAGES": f"{package} starlette"})

    assert it.concluded(run)["status"] == "SUCCESS", it.log(run)
    assert it.log(run)[-1] == "stdout F installed"
    assert subprocess.run(
        [sys.executable, "-c", "import extra_of_a_run"], check=False, capture_output=True
    ).returncode


def test_a_container_that_this_machine_cannot_start_fails_with_the_reason(stage, until):
    it = stage()
    it.job()
    it.concluded(it.start())
    # The emulator's directory is gone, as after an overzealous clean-up of temporary files.
    directory = it.emulator._api._executor._root  # noqa: SLF001 - no client can do this
    directory.rmdir()
    directory.write_text("in the way")

    run = it.start()

    assert it.concluded(run)["status"] == "FAILED"
    assert "could not be started" in it.log(run)[0]
    directory.unlink()
