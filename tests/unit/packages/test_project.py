"""The environment of a uv project is made from its lock, once for the same files; what cannot be made is explained."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from metaflow_prefect.errors import InitFailed
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.packages import project
from metaflow_prefect.runtime.steps import commands
from tests.support.ports import free_port

UV = str(Path(sys.executable).parent / "uv")
NEEDED = ("needs-old==1.0",)
"""What stands for Metaflow."""

DESCRIPTION = '[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["tinypkg==1.0"]\n'


@pytest.fixture
def mine(tmp_path, variables):
    """The folder of a project with its lock."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(DESCRIPTION)
    subprocess.run(
        [UV, "lock", "--quiet", "--python", sys.executable], cwd=folder, env=variables, check=True
    )
    return folder


def made(folder, variables, said=None):
    return project.interpreter(
        str(folder), NEEDED, variables, (said if said is not None else []).append
    )


def versions_in(python):
    code = "from importlib.metadata import version as v; print(v('tinypkg'), v('needs-old'))"
    return subprocess.check_output([python, "-c", code], text=True).split()


def test_the_environment_has_the_locked_packages_and_what_metaflow_needs(mine, variables):
    said: list[str] = []

    assert versions_in(made(mine, variables, said)) == ["1.0", "1.0"]
    assert said == ["uv installs the packages of the project"]


def test_the_same_project_elsewhere_needs_no_index(mine, variables, tmp_path):
    first = made(mine, variables)
    away = {
        **variables,
        "UV_DEFAULT_INDEX": f"http://127.0.0.1:{free_port()}/simple",
        "UV_OFFLINE": "1",
    }
    mine.rename(tmp_path / "moved")
    said: list[str] = []

    assert made(tmp_path / "moved", away, said) == first
    assert said == []


def test_a_project_with_other_files_has_an_environment_of_its_own(mine, variables):
    first = made(mine, variables)
    (mine / "module.py").write_text("")

    assert made(mine, variables) != first


def test_a_member_of_a_workspace_has_the_packages_of_the_member(mine, variables):
    member = mine / "packages/member"
    member.mkdir(parents=True)
    (mine / "pyproject.toml").write_text(
        f'{DESCRIPTION}[tool.uv.workspace]\nmembers = ["packages/*"]\n'
    )
    (member / "pyproject.toml").write_text(
        DESCRIPTION.replace("mine", "member").replace("tinypkg==1.0", "needs-old")
    )
    subprocess.run(
        [UV, "lock", "--quiet", "--python", sys.executable], cwd=mine, env=variables, check=True
    )

    assert versions_in(made(member, variables)) == ["1.0", "1.0"]


def test_an_environment_that_does_not_fit_the_lock_is_not_used(mine, variables, tmp_path):
    prepared = tmp_path / "prepared"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, prepared], check=True)
    said: list[str] = []
    python = made(mine, {**variables, "UV_PROJECT_ENVIRONMENT": str(prepared)}, said)

    assert not python.startswith(str(prepared))
    assert said[0].startswith(
        f"The environment at {prepared} (UV_PROJECT_ENVIRONMENT) does not fit the project's lock"
    )


BACKEND = """
import pathlib, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    pathlib.Path("left_by_the_build").touch()
    with zipfile.ZipFile(f"{folder}/mine-1-py3-none-any.whl", "w") as wheel:
        wheel.write("module.py")
        wheel.writestr("mine-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: mine\\nVersion: 1\\nRequires-Dist: tinypkg==1.0\\n")
        wheel.writestr("mine-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("mine-1.dist-info/RECORD", "")
    return "mine-1-py3-none-any.whl"
"""
"""A build that needs no other package, and leaves a file beside the sources as setuptools does."""


def test_a_project_that_is_a_package_is_built_and_its_sources_stay_as_they_are(mine, variables):
    (mine / "backend.py").write_text(BACKEND)
    (mine / "module.py").write_text("VALUE = 42\n")
    (mine / "pyproject.toml").write_text(
        f'{DESCRIPTION}[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    replace(mine, "virtual", "editable")
    before = sorted(mine.iterdir())
    python = made(mine, variables)

    value = subprocess.check_output([python, "-c", "import module; print(module.VALUE)"], text=True)
    assert value == "42\n"
    assert sorted(mine.iterdir()) == before


def broken_build(folder):
    (folder / "pyproject.toml").write_text(
        f'{DESCRIPTION}[build-system]\nrequires = []\nbuild-backend = "none"\nbackend-path = ["."]\n'
    )
    replace(folder, "virtual", "editable")


def other_hash(folder):
    lock = folder / "uv.lock"
    lock.write_text(re.sub(r"sha256:\w+", f"sha256:{'0' * 64}", lock.read_text()))


def replace(folder, old, new):
    for file in (folder / "uv.lock", folder / "pyproject.toml"):
        file.write_text(file.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("change", "more", "reason", "remedy"),
    [
        (lambda _: None, {"UV_OFFLINE": "1"}, "uv may not use the network", "take UV_OFFLINE out"),
        (
            other_hash,
            {},
            "the index has another file of tinypkg==1.0 than the one that was locked", "make a new lock (`uv lock`)",
        ),
        (
            lambda folder: replace(folder, ">=3.10", ">=3.99"),
            {},
            "3.99", "run the flow with a Python that the project accepts",
        ),
        (
            lambda folder: replace(folder, "version = 1\n", "version = 9\n"),
            {},
            "uv.lock", "use a uv that is at least as new as the one that made the lock",
        ),
        (broken_build, {}, "Failed to build", "`package = false` below [tool.uv]"),
    ],
    ids=["offline", "hash", "python", "schema", "build"],
)  # fmt: skip
def test_what_cannot_be_installed_is_explained(mine, variables, change, more, reason, remedy):
    change(mine)

    with pytest.raises(InitFailed) as refused:
        # Without version managers' shims, of which uv asks each for its version.
        made(mine, {**variables, "PATH": f"{Path(UV).parent}:/usr/bin:/bin", **more})

    assert refused.value.problem.startswith(
        "The packages of the flow's uv project cannot be installed (--environment=uv): "
    )
    assert reason in refused.value.problem
    assert remedy in refused.value.fix


def test_steps_are_told_of_the_projects_environment_and_not_of_other_packages(tmp_path):
    program = Program(
        flow="F",
        source="flow.py",
        sha256="",
        metadata="local",
        datastore="local",
        location=str(tmp_path),
        project="/p",
    )
    inherited = {"PYTHONPATH": "/mine:/usr/lib/python3/site-packages", "PATH": "/bin"}
    there = commands.run_environment(program, inherited, run_id="1", python="/env/bin/python")

    assert there["VIRTUAL_ENV"] == "/env"
    assert there["PYTHONPATH"] == "/mine"
    assert there["PATH"] == "/env/bin:/bin"
