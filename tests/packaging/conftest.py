"""The built wheel, and clean environments that have our dependencies but nothing of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
_SOURCES = (
    "LICENSE",
    "README.md",
    "extension",
    "metaflow_prefect",
    "northflank",
    "pyproject.toml",
    "templates",
)
_OURS = ("__editable__", "metaflow_prefect_northflank")


@dataclass(frozen=True)
class Environment:
    """A virtual environment of its own."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def pip_install(self, *what: str | Path) -> None:
        self.call("-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what)

    def call(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run its Python, expect success, and return what was printed."""
        done = self.attempt(*arguments, cwd=cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def attempt(
        self, *arguments: str | Path, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.python), *map(str, arguments)],
            cwd=cwd or self.folder,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the distribution is made of, so that a build leaves nothing in the project."""
    copy = tmp_path_factory.mktemp("sources")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", "node_modules")
    for name in _SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=ignore)
        else:
            shutil.copy2(source, copy / name)
    return copy


@pytest.fixture(scope="session")
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our wheel, built as a release would be."""
    out = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(sources)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is installed here, without what makes this project visible.

    Links instead of installing everything again: minutes. Put into `sys.path` by name, so that no
    `.pth` file in it is executed.
    """
    folder = tmp_path_factory.mktemp("dependencies")
    for installed in Path(sysconfig.get_path("purelib")).iterdir():
        if not any(mark in installed.name for mark in _OURS):
            (folder / installed.name).symlink_to(installed)
    return folder


def make_environment(folder: Path, dependencies: Path) -> Environment:
    made = Environment(folder)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=300)
    site = made.call("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    (Path(site) / "dependencies.pth").write_text(f"{dependencies}\n")
    return made


@pytest.fixture
def environment(tmp_path: Path, dependencies: Path) -> Environment:
    """An environment with nothing of ours."""
    return make_environment(tmp_path / "environment", dependencies)


@pytest.fixture(scope="session")
def with_wheel(
    wheel: Path, dependencies: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """An environment with our wheel, for tests that only look."""
    made = make_environment(tmp_path_factory.mktemp("with-wheel"), dependencies)
    made.pip_install("--no-deps", "--no-index", wheel)
    return made


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    """A flow in a folder of its own, far from the project."""
    folder = tmp_path / "flow"
    folder.mkdir()
    return Path(shutil.copy2(ROOT / "examples" / "branch_flow.py", folder))
