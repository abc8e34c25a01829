"""A flow does with `run --with northflank` what it does with `run`: `make differential AS=laptop` runs all of them.

The emulator's containers are processes of this machine, the datastore is moto's S3 server; the image has nothing of this project.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.behaviour.cases import Case, cases
from tests.behaviour.comparing import placed
from tests.behaviour.running import Form, start
from tests.stack.laptop.laptop import PATIENCE_SECONDS, Laptop, laptop

ROOT = Path(__file__).parents[2]

OTHERWISE = {
    "environment_uv": "the flows have no uv project with a lock",
    "include_file": "the artifact names the datastore in which the file is",
    "working_directory": "it shows the folder in which the step works, which is the container's",
    "place_of_the_code": "it shows where the code lies, which is the container's folder",
    "reached_by_a_link": "it shows where the code lies, which is the container's folder",
    "sibling_fails": "its siblings see each other through files in one folder",
    "retry_after_a_pause": "the task waits ten minutes, as with Metaflow's own backends; Metaflow's local run does not wait",
    "exit_zero_is_a_failure": "Metaflow's runtime stops with an internal error; the process of the task says that the task failed",
}
"""Flows that show what is meant to differ, and why."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        chosen = [it for it in cases() if it.name not in OTHERWISE] if _is_asked(metafunc) else []
        metafunc.parametrize("case", chosen, ids=lambda case: case.name)


def _is_asked(metafunc: pytest.Metafunc) -> bool:
    return "laptop" in metafunc.config.getoption("--as")


@pytest.fixture(scope="session")
def at_home(tmp_path_factory):
    with laptop(tmp_path_factory.mktemp("laptop")) as made:
        yield made


@pytest.mark.slow
def test_a_flow_does_in_containers_what_it_does_here(case: Case, at_home: Laptop, tmp_path):
    case = placed(case, tmp_path, "flows")
    there = {**at_home.environment, "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tmp_path)}
    remote = start(case, Form.LAPTOP, tmp_path, {**there, "METAFLOW_NORTHFLANK_RUN_LOCALLY": "0"})
    plain = start(case, Form.METAFLOW, tmp_path, {"USERNAME": at_home.user})
    try:
        ours, theirs = remote.wait(), plain.wait()
    finally:
        remote.end()
        plain.end()

    assert (ours.exit_code == 0) == (theirs.exit_code == 0), ours.output
    assert (ours.run_id is None) == (theirs.run_id is None), ours.output
    if ours.run_id is None:
        return
    pathspecs = (f"{case.flow}/{ended.run_id}" for ended in (ours, theirs))
    done = subprocess.run(
        [sys.executable, "-m", "tests.behaviour.on_northflank", str(tmp_path), *pathspecs],
        cwd=ROOT, env=there, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [], ours.output[-3000:]


def test_what_is_meant_to_differ_are_flows():
    assert OTHERWISE.keys() <= {case.name for case in cases()}
