"""Interpreters of other Python versions on this machine, and environments made of them that stand for images."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

_PLACES = (
    ".pyenv/versions/{version}.*/bin/python",
    ".local/share/uv/python/cpython-{version}*/bin/python3",
)


def found(version: str) -> str | None:
    """Return the interpreter of *version*, as `3.12`; None if this machine has none that starts."""
    if version == ".".join(map(str, sys.version_info[:2])):
        return sys.executable
    # Not HOME, which tests set to folders of their own.
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    patterns = [place.format(version=version) for place in _PLACES]
    installed = [str(path) for pattern in patterns for path in sorted(home.glob(pattern))]
    on_path = shutil.which(f"python{version}")
    for python in (*installed, *([on_path] if on_path else [])):
        # A version manager's shim exists for versions that are not active, too.
        if subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0:
            return python
    return None


def stock_image(folder: Path, python: str, *packages: str) -> Path:
    """Make what stands for a stock image of *python*: Prefect, pip, uv and *packages*; return its folder of programs."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    subprocess.run([uv, "venv", "--quiet", "--seed", "--python", python, folder], check=True)
    own = folder / "bin" / "python"
    prefect = [uv, "pip", "install", "--quiet", "--python", own, "prefect>=3.8.8,<4", *packages]
    subprocess.run(prefect, check=True)
    (folder / "bin" / "uv").symlink_to(Path(uv).resolve())
    return folder / "bin"
