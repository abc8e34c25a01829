"""A flow under --environment=uv on stock images: its steps have the packages of its project, and nothing of the image's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from northflank_emulator import Emulator
from northflank_emulator.settings import Settings

from tests.support import package_index, pythons
from tests.support.package_index import Wheel

PROJECT = Path(__file__).parent / "uv_project"
BIN = Path(sys.executable).parent
CREDENTIALS = "reader:pass-word"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """An images file with a stock image of Python 3.12, as far as uv is concerned."""
    python = pythons.found("3.12")
    if python is None:
        pytest.skip("Python 3.12, of which the image is, is not installed")
    folder = tmp_path_factory.mktemp("images")
    programs = pythons.stock_image(folder / "3.12", python)
    # How this machine reaches its packages, as Northflank reaches PyPI.
    reach = {name: it for name, it in os.environ.items() if name.startswith("PIP_")}
    entry = {
        "pattern": "prefecthq/prefect:*python3.12",
        "bin": str(programs),
        "env": {**reach, "UV_SYSTEM_PYTHON": "1"},
    }
    (folder / "images.json").write_text(json.dumps({"image": [entry]}))
    return folder / "images.json"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """A private index with the project's package."""
    wheels = (Wheel("tiny", "1.0"), Wheel("tiny", "2.0"))
    folder = tmp_path_factory.mktemp("index")
    with package_index.serving(folder, *wheels, credentials=CREDENTIALS) as running:
        yield running


@pytest.fixture(scope="module")
def pool(prefect, images, index, conftest, tmp_path_factory):
    """A work pool on an emulator with that image, whose secret group has the credentials of the index."""
    with Emulator(Settings(rate_limit=None, images=images)) as emulator:
        emulator.call(
            "POST",
            "/v1/projects/demo/secrets",
            {
                "name": "package-index",
                "secretType": "environment",
                "priority": 0,
                "secrets": {"variables": credentials()},
            },
        )
        northflank = conftest.Northflank(base_url=emulator.base_url, token=emulator.token)
        yield conftest.new_pool(prefect, northflank, tmp_path_factory.mktemp("pool"))


def credentials() -> dict[str, str]:
    user, password = CREDENTIALS.split(":")
    return {"UV_INDEX_PRIVATE_USERNAME": user, "UV_INDEX_PRIVATE_PASSWORD": password}


@dataclass(frozen=True)
class Machine:
    """A user's machine: the folder of the project, and an environment."""

    folder: Path
    environment: Mapping[str, str]
    own: Mapping[str, str] = field(default_factory=dict)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            list(words), cwd=self.folder, env={**self.environment, **self.own},
            capture_output=True, text=True, timeout=500, check=False,
        )  # fmt: skip

    def prefect(self, *words: str) -> Any:
        options = ("--quiet", "--no-pylint", "--environment=uv", "prefect")
        done = self.command(sys.executable, "project_flow.py", *options, *words, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def data(self, run: str) -> dict[str, Any]:
        read = "import json, sys; from metaflow import Run, namespace; namespace(None); d = Run(sys.argv[1]).data; "
        names = "tiny python prefix parent results"
        done = self.command(
            sys.executable, "-c", f"{read}print(json.dumps({{n: getattr(d, n) for n in {names.split()!r}}}))", run
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="module")
def machine(prefect, index, tmp_path_factory) -> Machine:
    """The project with its lock, on a machine that imports the package as the flow's file does."""
    home = tmp_path_factory.mktemp("machine")
    shutil.copytree(PROJECT, home / "project")
    with (home / "project/pyproject.toml").open("a") as project:
        project.write(
            f'\n[[tool.uv.index]]\nname = "private"\nurl = "{index.url()}"\nexplicit = true\n'
        )
        project.write('[tool.uv.sources]\ntiny = { index = "private" }\n')
    (home / "here").mkdir()
    (home / "here/tiny.py").write_text('__version__ = "of the machine that deploys"\n')
    environment = {
        **prefect.environment,
        "PYTHONPATH": str(home / "here"),
        "PREFECT_HOME": str(home / "client"),
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(home),
    }
    made = Machine(home / "project", environment, credentials())
    locked = made.command(str(BIN / "uv"), "lock", "--python", sys.executable)
    assert locked.returncode == 0, locked.stderr
    return made


@pytest.fixture(scope="module")
def ended(pool, machine) -> dict[str, Any]:
    """What was deployed, and what its run has left."""
    deployed = machine.prefect(
        "deploy", "--work-pool", pool.name, "--job-variable", "project_id=demo",
        "--job-variable", "billing_deployment_plan=nf-compute-200",
        "--job-variable", f"env.METAFLOW_DATASTORE_SYSROOT_LOCAL={machine.folder.parent}",
    )  # fmt: skip
    run = machine.prefect("trigger")["run"]
    flow_run = UUID(run.partition("/prefect-")[2])
    with pool.worker() as worker:
        state = pool.prefect.wait_for(flow_run)
    assert state["state_type"] == "COMPLETED", worker.output + pool.prefect.logs(flow_run)
    return {"deployed": deployed, "log": pool.prefect.logs(flow_run), **machine.data(run)}


def test_the_steps_have_the_locked_package_and_the_images_python(ended):
    assert (ended["tiny"], ended["python"]) == ("1.0", [3, 12])


def test_all_steps_are_forked_in_one_environment_made_once(ended):
    assert {prefix for _, prefix, _, _ in ended["results"]} == {ended["prefix"]}
    assert {parent for _, _, parent, _ in ended["results"]} == {ended["parent"]}
    assert ended["log"].count("uv installs the packages of the project") == 1


def test_steps_find_the_projects_files_beside_the_flow(ended):
    assert [is_there for _, _, _, is_there in ended["results"]] == [True, True]


def test_the_credentials_of_the_index_are_nowhere_but_in_the_secret_group(ended, prefect):
    assert "pass-word" not in json.dumps(ended["deployed"])
    assert "pass-word" not in ended["log"]
    assert "pass-word" not in json.dumps(prefect.post("/deployments/filter"))


def test_a_standalone_file_makes_the_same_environment_where_it_runs(machine, tmp_path):
    file = tmp_path / "out.py"
    machine.prefect("create", str(file), "--standalone")
    elsewhere = Machine(tmp_path, machine.environment, {**credentials(), "PYTHONPATH": ""})
    done = elsewhere.command(sys.executable, str(file), "--run-id-file", str(tmp_path / "run"))
    assert done.returncode == 0, done.stdout + done.stderr

    found = elsewhere.data(f"ProjectFlow/{(tmp_path / 'run').read_text()}")
    assert (found["tiny"], found["python"]) == ("1.0", list(sys.version_info[:2]))


def test_a_run_that_cannot_have_the_packages_fails_before_its_flow_begins(machine, tmp_path):
    file = tmp_path / "out.py"
    machine.prefect("create", str(file), "--standalone")
    without = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "UV_CACHE_DIR": str(tmp_path / "uv")}
    done = Machine(tmp_path, machine.environment, without).command(sys.executable, str(file))

    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "The packages of the flow's uv project cannot be installed (--environment=uv)" in said
    assert "tiny" in said
    assert not (tmp_path / ".metaflow/ProjectFlow").exists()
