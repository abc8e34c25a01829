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


FLOW = """
import subprocess
import sys
from pathlib import Path

from metaflow import FlowSpec, card, exit_hook, step

import helper


def noted(run):
    Path("noted").write_text(helper.greet(run.successful))


@exit_hook(on_success=[noted])
class CarriedFlow(FlowSpec):
    @card(type="blank")
    @step
    def start(self):
        self.text = Path("conf/a.yaml").read_text()
        code = "import helper; print(helper.greet('you'))"
        self.said = subprocess.check_output([sys.executable, "-c", code], text=True)
        Path("table.csv").write_text("1,2")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    CarriedFlow()
"""


def test_what_it_carries_is_where_its_steps_work_and_what_they_leave_is_kept(
    prefect_server, tmp_path
):
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    (project / "conf").mkdir(parents=True)
    elsewhere.mkdir()
    (project / "flow.py").write_text(FLOW)
    (project / "helper.py").write_text("def greet(whom):\n    return f'hello {whom}'\n")
    (project / "conf/a.yaml").write_text("a: 1\n")
    environment = {**os.environ, **prefect_server.environment}
    # As on a machine where nobody has set it: Metaflow looks from the working directory upward.
    del environment["METAFLOW_DATASTORE_SYSROOT_LOCAL"]
    output = tmp_path / "alone.py"
    words = ("--quiet", "--package-suffixes", ".yaml", "prefect", "create", "--standalone")
    subprocess.run(
        [sys.executable, "flow.py", *words, str(output)],
        cwd=project, env=environment, check=True, capture_output=True,
    )  # fmt: skip
    project.rename(tmp_path / "moved")

    done = subprocess.run(
        [sys.executable, str(output), "--run-id-file", "run_id"],
        cwd=elsewhere, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    run_id = (elsewhere / "run_id").read_text()
    (kept,) = elsewhere.glob("CarriedFlow-files-*")
    assert str(kept) in done.stderr
    assert {path.name: path.read_text() for path in kept.iterdir()} == {
        "noted": "hello True",
        "table.csv": "1,2",
    }
    listed = subprocess.run(
        [sys.executable, tmp_path / "moved/flow.py", "card", "list", f"{run_id}/start/t"],
        cwd=elsewhere, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Card Type: blank" in listed.stdout + listed.stderr
