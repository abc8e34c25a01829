"""A standalone file needs only Prefect and Metaflow: it runs in an empty folder where our package is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python_without_us(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """An interpreter that sees everything this one has installed, but not this project.

    Folders on PYTHONPATH are searched, but their .pth files, by which an editable install works,
    are not read.
    """
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    return folder / "bin" / "python", {"PYTHONPATH": sysconfig.get_path("purelib")}


def test_the_interpreter_of_this_test_does_not_see_our_package(python_without_us, tmp_path):
    python, environment = python_without_us
    code = "import prefect, metaflow, importlib.util as u; print(u.find_spec('metaflow_prefect'))"

    found = subprocess.run(
        [python, "-c", code], cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert found.stdout.strip() == "None"


def test_it_runs_alone_in_an_empty_folder(python_without_us, prefect_server, tmp_path):
    python, environment = python_without_us
    output = tmp_path / "alone" / "switch_prefect.py"
    output.parent.mkdir()
    subprocess.run(
        [sys.executable, "switch_flow.py", "--quiet", "prefect", "create", "--standalone", str(output)],
        cwd=EXAMPLES, check=True, capture_output=True,
    )  # fmt: skip

    done = subprocess.run(
        [python, output.name, "--number", "9", "--run-id-file", "run_id"],
        cwd=output.parent,
        env={
            **os.environ, **environment, **prefect_server.environment,
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tmp_path),
        },
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    run = tmp_path / ".metaflow" / "SwitchFlow" / (output.parent / "run_id").read_text()
    assert {step.name for step in run.iterdir()} >= {"start", "refine", "end"}
    assert sorted(item.name for item in output.parent.iterdir()) == ["run_id", output.name]
