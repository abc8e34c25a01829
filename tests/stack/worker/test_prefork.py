"""The flow's process is forked from the container's command, and behaves as one that Prefect starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import quick_start

pytestmark = pytest.mark.slow

FLOWS = """
import json
import os
import signal
import sys
from pathlib import Path

from prefect import flow


@flow
def tells(file: str) -> None:
    facts = {
        "command": Path("/proc/self/cmdline").read_bytes().decode().split("\\0"),
        "leads a session": os.getsid(0) == os.getpid(),
        "input": os.readlink("/proc/self/fd/0"),
        "program": os.path.basename(sys.argv[0]),
        "first on the path": sys.path[0],
        "directory": os.getcwd(),
        "colour": os.environ.get("COLOUR"),
        "main": sys.modules["__main__"].__spec__.name,
    }
    Path(file).write_text(json.dumps(facts))


@flow
def is_killed(file: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@flow
def says(file: str) -> None:
    print("said on the way out")
    print("and what went wrong", file=sys.stderr)
"""
STEPS = """
import os
import site


def paint() -> dict:
    os.environ["COLOUR"] = "blue"
    return {}


def install() -> dict:
    os.makedirs(site.getusersitepackages())
    return {}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with flows, and with a pull step of its user's."""
    made = tmp_path_factory.mktemp("prefork")
    (made / "flows.py").write_text(FLOWS)
    (made / "steps_of_its_user.py").write_text(STEPS)
    return made


@pytest.fixture
def run(served, prefect, folder):
    """Run a flow of the folder in a container that imports all itself; return the flow run, and the file it was given."""

    def run_of(flow: str, *steps: dict) -> tuple[dict, Path]:
        env = {
            **quick_start.COLD,
            "PYTHONPATH": str(folder),
            "PYTHONUSERBASE": str(folder / "user"),
        }
        deployment = served.deploy(flow, env=env)
        enter = {"prefect.deployments.steps.set_working_directory": {"directory": str(folder)}}
        prefect.post(f"/deployments/{deployment}", {"pull_steps": [enter, *steps]}, method="PATCH")
        file = folder / flow
        file.unlink(missing_ok=True)
        return prefect.wait_for(prefect.trigger(deployment, file=str(file))), file

    return run_of


def test_the_flow_runs_in_a_process_that_was_forked_and_looks_as_if_it_was_not(run, folder):
    flow_run, file = run("tells")

    assert flow_run["state_type"] == "COMPLETED"
    told = json.loads(file.read_text())
    assert "prefect.engine" not in told.pop("command")
    assert told == {
        "leads a session": True,
        "input": "/dev/null",
        "program": "engine.py",
        "first on the path": str(folder),
        "directory": str(folder),
        "colour": None,
        "main": "prefect.engine",
    }


def test_a_pull_step_that_changes_a_variable_gets_an_interpreter_that_has_read_it(run):
    flow_run, file = run("tells", {"steps_of_its_user.paint": {}})

    assert flow_run["state_type"] == "COMPLETED"
    told = json.loads(file.read_text())
    assert told["command"][1:3] == ["-m", "prefect.engine"]
    assert told["colour"] == "blue"


def test_a_pull_step_that_installs_packages_gets_an_interpreter_that_finds_them(run):
    flow_run, file = run("tells", {"steps_of_its_user.install": {}})

    assert flow_run["state_type"] == "COMPLETED"
    assert json.loads(file.read_text())["command"][1:3] == ["-m", "prefect.engine"]


def test_a_flow_whose_forked_process_is_killed_is_crashed_with_its_signal(run):
    flow_run, _ = run("is_killed")

    assert flow_run["state_type"] == "CRASHED"
    assert "-9" in flow_run["state"]["message"]


def test_what_the_forked_process_prints_reaches_the_log(run, prefect, conftest):
    flow_run, _ = run("says")

    assert flow_run["state_type"] == "COMPLETED"
    for line in ("said on the way out", "and what went wrong"):
        conftest.wait_until(
            lambda it=line: it in prefect.logs(flow_run["id"]), f"{line!r} is in the log"
        )
