"""The stock Prefect image's entrypoint: installs EXTRA_PIP_PACKAGES, then executes the command.

Runs as a script, with the standard library only: `stock_entrypoint.py OVERLAY COMMAND…`.
The image installs into its own environment. Here that would change the user's environment, so the
packages go to OVERLAY, which comes first in PATH and PYTHONPATH of the command.
Source: scripts/entrypoint.sh of https://github.com/PrefectHQ/prefect
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import NoReturn

_ASK_SITE = (
    "import sysconfig; print(sysconfig.get_path('purelib')); print(sysconfig.get_path('platlib'))"
)


def main() -> NoReturn:
    """Install the packages, then execute the command."""
    overlay, *command = sys.argv[1:]
    packages = shlex.split(os.environ["EXTRA_PIP_PACKAGES"])
    python = shutil.which("python3") or shutil.which("python")
    if python is None:
        sys.exit("EXTRA_PIP_PACKAGES is set, but the image's environment has no Python")
    print("+pip install", *packages, flush=True)  # noqa: T201  the run's log
    site = _make_overlay(python, overlay)
    _install(python, overlay, packages)
    _prepend("PYTHONPATH", site)
    _prepend("PATH", os.path.join(overlay, "bin"))  # noqa: PTH118  pathlib is slow to import
    os.execvp(command[0], command)  # noqa: S606  executing the command is the task


def _make_overlay(python: str, overlay: str) -> str:
    """Create a virtual environment that sees the image's packages, and return its site directory.

    pip then installs only what the image lacks, and leaves the image's own environment alone.
    """
    _run([python, "-m", "venv", "--without-pip", overlay])
    own = os.path.join(overlay, "bin", "python3")  # noqa: PTH118  as above
    of_image, site = (
        subprocess.run([it, "-c", _ASK_SITE], check=True, capture_output=True, text=True).stdout
        for it in (python, own)
    )
    directory = site.splitlines()[0]
    with open(os.path.join(directory, "_image.pth"), "w") as file:  # noqa: PTH118, PTH123  as above
        file.write(of_image)
    return directory


def _install(python: str, overlay: str, packages: list[str]) -> None:
    own = os.path.join(overlay, "bin", "python3")  # noqa: PTH118  as above
    options = ["--quiet", "--disable-pip-version-check", "--no-input"]
    _run([python, "-m", "pip", "--python", own, "install", *options, *packages])


def _run(command: list[str]) -> None:
    code = subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode
    if code:
        sys.exit(code)


def _prepend(name: str, directory: str) -> None:
    rest = os.environ.get(name)
    os.environ[name] = directory + (os.pathsep + rest if rest else "")


if __name__ == "__main__":
    main()
