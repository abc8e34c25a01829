"""`run --with northflank`: what Metaflow's own run does, in containers, and nothing twice and nothing left."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from northflank_emulator.faults import Fault, FaultKind

from tests.support.processes import wait_until_gone
from tests.support.waiting import wait_until

FLOWS = Path(__file__).parent / "flows"
EVERYTHING = FLOWS / "everything_flow.py"
SLEEPING = FLOWS / "sleeping_flow.py"
LOST = FLOWS / "lost_flow.py"

ENDS_WITHIN = 30
"""Seconds after the end of a run until its containers have ended; a busy machine gets more."""

READ = """
import json, re, sys
from metaflow import Run, namespace
namespace(None)
run = Run(sys.argv[1])
LINES = {"Setting up task environment.", "Downloading code package...", "Code package downloaded.", "Task is starting."}
tasks = {}
for step in run:
    for task in step:
        place = step.id + str([frame.index for frame in task["_foreach_stack"].data] if "_foreach_stack" in task else "")
        named = {name for name in (it.id for it in task) if not name.startswith("_") and name not in ("ledger", "here", "slow")}
        tasks[place] = {
            "successful": task.successful, "attempts": task.current_attempt + 1,
            "data": {name: repr(task[name].data) for name in sorted(named)},
            "stdout": [re.sub(r"\\d{4}-.*?\\d{3} ", "", line) for line in task.stdout.splitlines() if line not in LINES],
            "parents": len(list(task.parent_task_pathspecs)),
            "caught": "slow" in named or bool(getattr(task.data, "slow", None)),
        }
from metaflow.cards import get_cards
print(json.dumps({"successful": run.successful, "tasks": tasks,
    "northflank": sorted(k for k in run["start"].task.metadata_dict if k.startswith("northflank")),
    "tokens": run.data.here, "cards": len(get_cards(run["start"].task))}))
"""

pytestmark = pytest.mark.slow


def executions(ledger: Path) -> list[str]:
    return sorted(path.name.rpartition("-")[0] for path in ledger.iterdir())


@pytest.fixture
def ledger(tmp_path):
    folder = tmp_path / "ledger"
    folder.mkdir()
    return folder


@pytest.fixture
def asleep(tmp_path):
    """Wait until the sleeper sleeps, and return the ids of its processes."""

    def pids() -> list[int]:
        file = tmp_path / "asleep"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def asleep_(run) -> list[int]:
        wait_until(lambda: pids() or run.process.poll() is not None, "the step sleeps", seconds=300)
        assert pids(), run.output
        return pids()

    return asleep_


def test_a_run_in_containers_is_the_run_that_it_would_be_here(laptop, ledger, tmp_path):
    """A fifth of all requests goes wrong, some after they have taken effect."""
    laptop.emulator.forget_requests()
    faults = [
        Fault(kind=FaultKind.DROP_AFTER, route="start.job.run", probability=0.3),
        Fault(kind=FaultKind.STATUS, status=503, probability=0.1),
        Fault(kind=FaultKind.DROP_BEFORE, probability=0.1),
    ]
    with (
        laptop.emulator.fault(faults[0]),
        laptop.emulator.fault(faults[1]),
        laptop.emulator.fault(faults[2]),
    ):
        run = laptop.start(
            EVERYTHING, "run", "--with", "northflank:cpu=0.5", "--ledger", str(ledger)
        )
        there = tmp_path / "there"
        there.mkdir()
        plain = laptop.start(EVERYTHING, "run", "--ledger", str(there))
        assert (run.wait(), plain.wait()) == (0, 0), run.output + plain.output

    assert executions(ledger) == executions(there)
    ours = laptop.read(READ, f"EverythingFlow/{run.run_id}")
    theirs = laptop.read(READ, f"EverythingFlow/{plain.run_id}")
    assert ours["tasks"] == theirs["tasks"]
    assert (ours["cards"], ours["tokens"]) == (1, [])
    assert ours["northflank"] == ["northflank-container", "northflank-job", "northflank-run"]
    assert "Northflank: " in run.output
    assert laptop.jobs() == []
    token = laptop.emulator.token
    assert token not in run.output
    assert not [it for it in laptop.emulator.requests if it.body and token in str(it.body)]


def test_everything_that_is_wrong_is_refused_at_once_and_nothing_is_started(laptop, ledger):
    laptop.emulator.forget_requests()
    wrong = {
        "METAFLOW_NORTHFLANK_PROJECT": "", "METAFLOW_NORTHFLANK_MAX_CONTAINERS": "none",
        "NORTHFLANK_API_TOKEN": "",
    }  # fmt: skip
    laptop.settings = wrong
    try:
        said = laptop.command(
            EVERYTHING, "run", "--with", "northflank:cpu=64", "--ledger", str(ledger),
            code=1, datastore="local",
        )  # fmt: skip
    finally:
        laptop.settings = {}

    for words in (
        "--datastore=local: a container cannot reach it",
        "NORTHFLANK_API_TOKEN is not set",
        "no Northflank project is set",
        "METAFLOW_NORTHFLANK_MAX_CONTAINERS is 'none'",
        "no plan of Northflank is large enough",
    ):
        assert words in said
    assert laptop.emulator.requests == ()
    assert executions(ledger) == []


@pytest.mark.parametrize("end", ["Ctrl-C", "kill -9", "a failing sibling"])
def test_a_run_that_ends_early_leaves_no_container_and_no_job(end, laptop, asleep, tmp_path):
    fails = end == "a failing sibling"
    run = laptop.start(SLEEPING, "run", "--folder", str(tmp_path), "--fails", str(fails))
    pids = asleep(run)
    if end == "Ctrl-C":
        os.killpg(run.process.pid, signal.SIGINT)
    if end == "kill -9":
        run.process.kill()

    assert run.wait() != 0
    wait_until_gone(*pids, seconds=3 * ENDS_WITHIN)
    wait_until(lambda: not laptop.jobs(), "the job is deleted", seconds=3 * ENDS_WITHIN)


def test_two_users_run_the_same_flow_in_one_project_and_one_s_end_is_not_the_other_s(
    laptop, tmp_path
):
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    ann = laptop.start(SLEEPING, "run", "--folder", str(here))
    laptop.user = "ben"
    try:
        ben = laptop.start(SLEEPING, "run", "--folder", str(there))
        for run, folder in ((ann, here), (ben, there)):
            asleep_in = folder / "asleep"
            wait_until(
                lambda file=asleep_in, run=run: file.exists() or run.process.poll() is not None,
                "the step sleeps",
                seconds=300,
            )
        assert len(laptop.jobs()) == 2
        os.killpg(ben.process.pid, signal.SIGINT)
        assert ben.wait() != 0
        wait_until_gone(int((there / "asleep").read_text()), seconds=3 * ENDS_WITHIN)
        listed = laptop.command(SLEEPING, "northflank", "list", "--all-users")
    finally:
        laptop.user = "ann"
    (here / "wake").touch()

    assert ann.wait() == 0, ann.output
    assert [
        line.split("User: ")[1].split()[0] for line in listed.splitlines() if "User: " in line
    ] == ["ann"]
    assert laptop.jobs() == []


def test_containers_that_may_finish_are_taken_over_by_resume(laptop, asleep, tmp_path):
    laptop.settings = {"METAFLOW_NORTHFLANK_ORPHANS": "finish"}
    try:
        run = laptop.start(SLEEPING, "run", "--folder", str(tmp_path))
        (pid,) = asleep(run)
        os.killpg(run.process.pid, signal.SIGKILL)
        run.wait()
        os.kill(pid, 0)
        listed = laptop.command(SLEEPING, "northflank", "list", "--run-id", run.run_id)
        assert "Job run: " in listed
        task = re.search(rf"{run.run_id}/sleeper/\d+", run.output)[0]
        assert "Task is starting." in laptop.command(SLEEPING, "northflank", "logs", task)
        (tmp_path / "wake").touch()
        wait_until_gone(pid, seconds=120)
        killed = laptop.command(SLEEPING, "northflank", "kill")
    finally:
        laptop.settings = {}
    assert f"Run {run.run_id} of ann" in killed
    assert laptop.jobs() == []

    laptop.command(SLEEPING, "resume", "--origin-run-id", run.run_id)

    assert (tmp_path / "asleep").read_text() == f"{pid}\n"


def test_a_broker_that_dies_is_replaced_and_a_lost_run_ends_its_container(laptop, asleep, tmp_path):
    """The broker is killed, then run and broker at once: no process is left that could end the container."""
    laptop.settings = {"METAFLOW_NORTHFLANK_LOST_AFTER_SECONDS": "15"}
    try:
        run = laptop.start(SLEEPING, "run", "--folder", str(tmp_path))
        (pid,) = asleep(run)
        (broker,) = brokers(run.process.pid)
        os.kill(broker, signal.SIGKILL)
        wait_until(
            lambda: brokers(run.process.pid) not in ([], [broker]), "there is another broker"
        )
        (another,) = brokers(run.process.pid)
        run.process.send_signal(signal.SIGSTOP)
        os.kill(another, signal.SIGKILL)
        wait_until_gone(pid, seconds=120)
        run.process.send_signal(signal.SIGCONT)
        assert run.wait() != 0
    finally:
        laptop.settings = {}
    assert "its run gave no sign of life" in run.output
    assert laptop.jobs() == []


def test_the_next_run_deletes_the_job_of_a_run_that_was_killed_with_its_broker(
    laptop, asleep, tmp_path
):
    laptop.settings = {"METAFLOW_NORTHFLANK_LOST_AFTER_SECONDS": "10"}
    try:
        run = laptop.start(SLEEPING, "run", "--folder", str(tmp_path))
        (pid,) = asleep(run)
        (broker,) = brokers(run.process.pid)
        run.process.kill()
        os.kill(broker, signal.SIGKILL)
        run.wait()
        wait_until_gone(pid, seconds=3 * ENDS_WITHIN)
        (job,) = laptop.jobs()
        listed = laptop.command(SLEEPING, "northflank", "list")
        (tmp_path / "asleep").unlink()
        resumed = laptop.start(SLEEPING, "resume", "--origin-run-id", run.run_id)
        asleep(resumed)
        wait_until(lambda: job not in laptop.jobs(), "the job is deleted", seconds=120)
        (tmp_path / "wake").touch()
        assert resumed.wait() == 0, resumed.output
    finally:
        laptop.settings = {}
    assert f"Run {run.run_id} is gone." in listed
    assert laptop.jobs() == []


def brokers(parent: int) -> list[int]:
    """The processes of *parent* that are brokers."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            words = (stat.parent / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z" and b"metaflow_northflank.broker" in words:
            found.append(int(stat.parent.name))
    return found


def test_a_notebook_runs_the_flow_of_its_cell_in_containers(laptop):
    said = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("notebook.py"))], cwd=laptop.folder,
        env=laptop.environment, capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip

    assert said.stdout.splitlines()[-1:] == ["RAN True 2 True"], said.stdout + said.stderr
    assert laptop.jobs() == []


def test_a_task_whose_container_is_lost_says_why_and_may_be_caught(laptop):
    said = laptop.command(LOST, "run")

    assert "it ran out of memory; it had plan nf-compute-20 (0.2 vCPU, 512 MB)" in said
    assert "@resources(memory=" in said
    assert "the image registry.example.com/none:1 could not be pulled" in said
    assert laptop.jobs() == []


def test_a_step_has_the_packages_of_its_uv_project_in_an_image_without_uv(laptop, tmp_path):
    """The image tells uv to use its own Python, as Prefect's does; the step has the project's all the same."""
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(FLOWS / "uv_flow.py", project)
    (project / "pyproject.toml").write_text(
        '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["humanize==4.11.0"]\n'
    )
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "lock", "--quiet"], cwd=project, check=True, timeout=100)
    home, laptop.folder = laptop.folder, project
    try:
        run = laptop.start(project / "uv_flow.py", "run", options=("--environment=uv",))
        assert run.wait() == 0, run.output
        found = laptop.read(
            "import json, sys; from metaflow import Run, namespace; namespace(None); "
            "d = Run(sys.argv[1]).data; print(json.dumps([d.said, d.prefix]))",
            f"UvFlow/{run.run_id}",
        )
    finally:
        laptop.folder = home

    said, prefix = found
    assert said == "1,234,567"
    assert prefix.endswith("/metaflow/.venv")
