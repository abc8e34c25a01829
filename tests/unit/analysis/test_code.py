"""The flow's code is what Metaflow would package: its folder by the name it was reached by, links followed."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile

import pytest

FLOW = """
from metaflow import FlowSpec, step
from metaflow.plugins.package_suffixes_mutator import package_suffixes

@package_suffixes(".yaml")
class PackagedFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    PackagedFlow()
"""

SHOW = """
import json, os, runpy, sys
from metaflow_prefect import compiler
from metaflow_prefect.analysis.code import code_files

def show(state, *_):
    with open(os.environ["SHOWN"], "w") as file:
        json.dump(sorted(code_files(state)), file)
    sys.exit(0)

compiler.run_now = lambda state, *_, **__: show(state)
sys.argv = sys.argv[1:]
sys.path[0] = os.path.dirname(os.path.realpath(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def project(tmp_path):
    """A flow that is a link, with links to a file, to a folder and in a circle beside it."""
    for folder in ("project/sub", "project/.hidden", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "elsewhere/real.py").write_text(FLOW)
    (tmp_path / "elsewhere/beside_the_target.py").touch()
    (tmp_path / "project/flow.py").symlink_to(tmp_path / "elsewhere/real.py")
    for name in ("helper.py", "sub/deep.py", "conf.yaml", ".hidden/no.py", "notes.txt"):
        (tmp_path / "project" / name).touch()
    (tmp_path / "project/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "project/circle").symlink_to(tmp_path / "project")
    return tmp_path / "project"


def test_the_files_are_those_of_metaflows_own_code_package(project, tmp_path):
    pytest.importorskip(
        "metaflow.plugins.package_suffixes_mutator", reason="this Metaflow has no @package_suffixes"
    )
    environment = {**os.environ, "SHOWN": str(tmp_path / "shown"), "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tmp_path)}  # fmt: skip
    words = ("flow.py", "--quiet", "--no-pylint")
    (tmp_path / "show.py").write_text(SHOW)
    for command in (
        [sys.executable, *words, "package", "save", str(tmp_path / "package.tgz")],
        [sys.executable, str(tmp_path / "show.py"), *words, "prefect", "run"],
    ):
        ended = subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout + ended.stderr

    with tarfile.open(fileobj=io.BytesIO((tmp_path / "package.tgz").read_bytes())) as archive:
        packaged = {item.name for item in archive.getmembers() if not item.name.startswith(".")}
    ours = set(json.loads((tmp_path / "shown").read_text()))
    assert ours >= {"flow.py", "helper.py", "sub/deep.py", "conf.yaml", "linked/real.py"}
    assert "notes.txt" not in ours
    assert ours == {name for name in packaged if not name.startswith(("metaflow", "INFO"))}
