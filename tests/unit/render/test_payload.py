"""What travels in a standalone file: the runtime, the flow's code, and @northflank where the flow has it."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from metaflow_prefect import ir
from metaflow_prefect.render import render_standalone

FLOW = """
from metaflow import FlowSpec, northflank, step


class SmallFlow(FlowSpec):
    @northflank(cpu=2, memory=8000)
    @step
    def start(self):
        self.word = "done"
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SmallFlow()
"""
OURS = ("__editable__", "metaflow_prefect_northflank")


def standalone(code, container=None):
    """Return the generated file of a flow whose only step has this container."""
    step = ir.Step(name="start", transition=ir.Transition.END, container=container)
    flow = ir.Flow(
        name="SmallFlow", steps=(step,), start="start", end="start",
        source=ir.Source(file="small_flow.py", sha256="0" * 64),
        backends=ir.Backends(metadata="local", datastore="local", environment="local"),
    )  # fmt: skip
    return render_standalone(flow, code)


def unpacked(text, folder):
    """Unpack what travels in a generated file."""
    lines = text.rpartition("# --- payload ---\n")[2].replace("# ", "")
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(lines))) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """A folder with every package that is installed here but ours, its metadata included."""
    folder = tmp_path_factory.mktemp("site")
    for item in Path(sysconfig.get_path("purelib")).iterdir():
        if not item.name.startswith((*OURS, "_" + OURS[0])):
            (folder / item.name).symlink_to(item)
    return folder


def run(*words, cwd, path):
    """Run the base interpreter, which sees nothing but what is on *path*."""
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("METAFLOW_")},
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(cwd),
        "USERNAME": "tester",
    }
    return subprocess.run(
        [base, *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_decorator_travels_only_with_a_flow_that_has_it(tmp_path):
    code = {"flow.py": b"the flow\n"}

    without = unpacked(standalone(code), tmp_path / "without")
    with_ = unpacked(standalone(code, ir.Container()), tmp_path / "with")

    assert sorted(item.name for item in without.iterdir()) == ["code", "runtime"]
    plugins = Path("extension/metaflow_extensions/prefect_northflank/plugins")
    assert sorted(item.name for item in (with_ / plugins).iterdir()) == [
        "mfextinit_prefect_northflank.py",
        "northflank_decorator.py",
    ]


def test_a_flow_with_the_decorator_runs_where_this_package_is_not_installed(others, tmp_path):
    code = {"small_flow.py": FLOW.encode()}
    folder = unpacked(standalone(code, ir.Container()), tmp_path / "unpacked")
    flow = str(folder / "code" / "small_flow.py")
    alone = run(flow, "--quiet", "--no-pylint", "show", cwd=tmp_path, path=[others])
    assert "cannot import name 'northflank'" in alone.stderr

    done = run(
        flow, "--quiet", "--no-pylint", "run", "--run-id-file", "id",
        cwd=tmp_path, path=[folder / "extension", others],
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    run_id = (tmp_path / "id").read_text()
    script = f"from metaflow import Run; print(Run('SmallFlow/{run_id}', _namespace_check=False).data.word)"
    read = run("-c", script, cwd=tmp_path, path=[others])
    assert read.stdout.strip() == "done", read.stderr


def test_the_decorator_alone_brings_no_command_and_no_module_of_the_compiler(others, tmp_path):
    folder = unpacked(standalone({}, ir.Container()), tmp_path)
    script = (
        "import json, sys, metaflow\n"
        "from metaflow.plugins import STEP_DECORATORS, get_plugin_cli\n"
        "names = [item.name for item in STEP_DECORATORS]\n"
        "print(json.dumps(['northflank' in names, 'prefect' in [name for group in get_plugin_cli() for name in group.commands],"
        " [name for name in sys.modules if name.startswith(('metaflow_prefect', 'prefect'))]]))"
    )

    done = run("-c", script, cwd=tmp_path, path=[folder / "extension", others])

    assert done.returncode == 0, done.stderr
    has_decorator, has_command, loaded = json.loads(done.stdout)
    assert (has_decorator, has_command, loaded) == (True, False, [])
