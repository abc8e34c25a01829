"""The Dockerfiles of docs/how-to/remote-images.md: hadolint accepts them, and an image made by their RUN lines installs nothing when a run starts."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from metaflow_prefect.runtime.packages import project

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "remote-images.md"
BIN = Path(sys.executable).parent
DOCKERFILES = re.findall(r"```dockerfile\n(.*?)```", PAGE.read_text(), re.DOTALL)
NEEDED = ("metaflow", "requests")

PROJECT = """
[project]
name = "example"
version = "1"
requires-python = ">=3.10"
dependencies = ["metaflow", "iniconfig"]
"""


def test_hadolint_accepts_both_dockerfiles():
    assert len(DOCKERFILES) == 2
    for text in DOCKERFILES:
        checked = subprocess.run(
            [BIN / "hadolint", "-"], input=text, capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout


def lines(dockerfile: str, name: str) -> list[str]:
    whole = dockerfile.replace("\\\n", "")
    return [line.removeprefix(f"{name} ") for line in whole.splitlines() if line.startswith(name)]


def build(dockerfile: str, image: Path, context: Path) -> dict[str, str]:
    """Execute COPY, ENV and RUN in folders and an interpreter of a test's own; return the image's variables."""
    subprocess.run(
        [BIN / "uv", "venv", "--quiet", "--python", sys.executable, image / "python"], check=True
    )
    work = image / "opt/image"
    work.mkdir(parents=True)
    variables = {}
    for names in lines(dockerfile, "COPY"):
        for name in shlex.split(names)[:-1]:
            (work / name).write_bytes((context / name).read_bytes())
    for assignment in lines(dockerfile, "ENV"):
        name, _, value = assignment.partition("=")
        variables[name] = value.replace("/opt/", f"{image}/opt/")
    for script in lines(dockerfile, "RUN"):
        # `--system` means the image's Python, which is no virtual environment.
        here = script.replace("--system", f"--python {image}/python/bin/python")
        environment = {**os.environ, **variables, "PATH": f"{BIN}:{os.environ['PATH']}"}
        ended = subprocess.run(
            ["sh", "-c", here], cwd=work, env=environment, capture_output=True, text=True, check=False
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
    return variables


@pytest.mark.slow
def test_an_image_with_the_projects_environment_installs_nothing_at_the_start(tmp_path):
    context = tmp_path / "context"
    context.mkdir()
    (context / "requirements.txt").write_text("metaflow\n")
    (context / "pyproject.toml").write_text(PROJECT)
    locked = subprocess.run(
        [BIN / "uv", "lock", "--python", sys.executable], cwd=context, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert locked.returncode == 0, locked.stderr
    variables = build(DOCKERFILES[1], tmp_path / "image", context)

    carried = tmp_path / "carried"
    carried.mkdir()
    for name in ("pyproject.toml", "uv.lock"):
        (carried / name).write_bytes((context / name).read_bytes())
    said: list[str] = []
    start = {
        **variables,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        "UV_OFFLINE": "1",
        "UV_SYSTEM_PYTHON": "1",
    }
    python = project.interpreter(str(carried), NEEDED, start, said.append)

    assert python == str(tmp_path / "image/opt/project/bin/python")
    assert said == []
    of_image = tmp_path / "image/python/bin/python"
    for interpreter, module in ((of_image, "metaflow"), (python, "iniconfig")):
        subprocess.run([interpreter, "-c", f"import {module}"], check=True)

    (carried / "uv.lock").write_text(
        (carried / "uv.lock").read_text().replace("iniconfig", "other")
    )
    with pytest.raises(project.InitFailed):
        project.interpreter(str(carried), NEEDED, start, said.append)
    assert "does not fit the project's lock" in said[0]
