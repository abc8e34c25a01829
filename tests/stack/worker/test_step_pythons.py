"""Steps that ask for different Pythons run in containers with the stock images of these, in one run."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from northflank_emulator import Emulator
from northflank_emulator.settings import Settings

from tests.support import package_index, pythons
from tests.support.package_index import Wheel

FLOW = Path(__file__).parent / "flows" / "pythons_flow.py"
VERSIONS = ("3.10", "3.12", "3.13")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    wheels = (Wheel("tinypkg", "1.0"), Wheel("tinypkg", "2.0"))
    with package_index.serving(tmp_path_factory.mktemp("index"), *wheels) as running:
        yield running


@pytest.fixture(scope="module")
def images(index, tmp_path_factory) -> Path:
    """An images file with what stands for the stock images of these Pythons."""
    metaflow = importlib.metadata.version("metaflow")
    installed = {version: pythons.found(version) for version in VERSIONS}
    if missing := [version for version, python in installed.items() if python is None]:
        pytest.skip(f"Python {', '.join(missing)}, of which images are, is not installed")
    folder = tmp_path_factory.mktemp("images")
    # How this machine reaches its packages, as Northflank reaches PyPI, and the test's own.
    reach = {name: it for name, it in os.environ.items() if name.startswith("PIP_")}
    reach |= {"PIP_EXTRA_INDEX_URL": index.url(), "UV_SYSTEM_PYTHON": "1"}
    entries = [
        {
            "pattern": f"prefecthq/prefect:*python{version}",
            # What containers install otherwise: for three of them that would take most of the time.
            "bin": str(pythons.stock_image(folder / version, python, f"metaflow=={metaflow}")),
            "env": reach,
        }
        for version, python in installed.items()
        if python is not None
    ]
    (folder / "images.json").write_text(json.dumps({"image": entries}))
    return folder / "images.json"


def test_steps_with_containers_of_their_own_have_the_pythons_that_they_ask_for(
    prefect, images, index, conftest, tmp_path, monkeypatch
):
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", index.url())

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *words], cwd=FLOW.parent, capture_output=True, text=True, check=False,
            env={
                **pool.environment,
                "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tmp_path),
                "PREFECT_HOME": str(tmp_path / "client"),
            },
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def flow(*words: str) -> Any:
        options = ("--quiet", "--no-pylint", "--environment=pypi", "prefect")
        return json.loads(command(FLOW.name, *options, *words, "--json").stdout)

    with Emulator(Settings(rate_limit=None, images=images)) as emulator:
        northflank = conftest.Northflank(base_url=emulator.base_url, token=emulator.token)
        pool = conftest.new_pool(prefect, northflank, tmp_path)
        deployed = flow(
            "deploy", "--work-pool", pool.name, "--job-variable", "project_id=demo",
            "--job-variable", f"env.METAFLOW_DATASTORE_SYSROOT_LOCAL={tmp_path}",
            "--job-variable", "env.EXTRA_PIP_PACKAGES=",
        )  # fmt: skip
        run = flow("trigger")["run"]
        with pool.worker() as worker:
            flow_run = UUID(run.partition("/prefect-")[2])
            # In three containers the modules of a Python are compiled first.
            conftest.wait_until(
                lambda: prefect.state(flow_run) in conftest.FINAL, "the run is over", patience=600
            )
    assert prefect.state(flow_run) == "COMPLETED", worker.output + prefect.logs(flow_run)

    read = "import json, sys; from metaflow import Run, namespace; namespace(None); print(json.dumps(Run(sys.argv[1]).data.seen))"
    seen = json.loads(command("-c", read, run).stdout)
    assert seen == [[[3, 12], "1.0"], [[3, 13], "2.0"], [[3, 10], "1.0"], [[3, 12], "2.0"]]
    lines = deployed["step_containers"]
    assert lines["newer"].startswith(
        "image prefecthq/prefect:3-python3.13: @pypi(python='3.13'); plan "
    )
    assert lines["older"].startswith("image prefecthq/prefect:3-python3.10: ")
