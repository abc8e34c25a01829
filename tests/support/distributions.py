"""Builds wheel and sdist as a release does, and makes virtual environments with the dependencies of this project but not with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SOURCES = (
    "LICENSE",
    "README.md",
    "extension",
    "metaflow_prefect",
    "northflank",
    "pyproject.toml",
    "templates",
)
"""What the distribution is made of."""
_OURS = ("__editable__", "metaflow_prefect_northflank")


def copy_sources(folder: Path) -> Path:
    """Copy what the distribution is made of into *folder*, so that a build leaves nothing in the project; return *folder*."""
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", "node_modules")
    for name in _SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy2(source, folder / name)
    return folder


def build_wheel(sources: Path, out: Path) -> Path:
    """Build the wheel of *sources* into the folder *out*."""
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--installer", "uv", "--outdir", str(out), str(sources)],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


def link_dependencies(folder: Path) -> Path:
    """Link what is installed here into *folder*, without what makes this project visible; return *folder*.

    Links instead of installing everything again, which takes minutes. Put into `sys.path` by name, so that no
    `.pth` file in it is executed.
    """
    for installed in Path(sysconfig.get_path("purelib")).iterdir():
        if not any(mark in installed.name for mark in _OURS):
            (folder / installed.name).symlink_to(installed)
    return folder


@dataclass(frozen=True)
class Environment:
    """A virtual environment of its own."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def pip_install(self, *what: str | Path) -> None:
        """Install with its own pip."""
        self.call("-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what)

    def call(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run its Python, expect success, and return what was printed."""
        done = self.attempt(*arguments, cwd=cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def attempt(
        self,
        *arguments: str | Path,
        cwd: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run its Python, whose environment is ours and *variables*."""
        inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return subprocess.run(
            [str(self.python), *map(str, arguments)],
            cwd=cwd or self.folder, env={**inherited, **(variables or {})}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip


def make_environment(folder: Path, dependencies: Path | None = None) -> Environment:
    """Make an environment that sees the linked *dependencies*, or nothing but Python and pip."""
    made = Environment(folder)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=300)
    if dependencies is not None:
        site = made.call("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
        (Path(site) / "dependencies.pth").write_text(f"{dependencies}\n")
    return made
