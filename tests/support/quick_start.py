"""What lets the Pythons that tests start begin sooner: there are a thousand of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import wait_until

_FOLDER = Path(__file__).parent
_FORK_SERVER = "PYTHON_FORK_SERVER_OF_TESTS"
_FORKED_TASKS = "PYTHON_FORKED_TASKS_OF_TESTS"

ENVIRONMENT: dict[str, str] = {"PYTHONPATH": str(_FOLDER / "startup")}
"""For processes that import Prefect or Metaflow, and whose PYTHONPATH is not what is tested.

While the fork server runs, such a process that would import Prefect is forked from it.
"""


OF_METAFLOW: dict[str, str] = {}
"""For a run of Metaflow's own, besides `ENVIRONMENT`: while the fork server runs, its tasks are forked (forked_tasks.py)."""

COLD = {_FORK_SERVER: ""}
"""For processes that import all they need themselves, as a user's do, in an environment that has `ENVIRONMENT`."""


def images(folder: Path) -> Path:
    """Return an images file of the emulator, in *folder*: every image is this Python, with `ENVIRONMENT`."""
    environment = ", ".join(f"{name} = {json.dumps(of)}" for name, of in ENVIRONMENT.items())
    programs = Path(sys.executable).parent
    file = folder / "images.toml"
    file.write_text(f'[[image]]\npattern = "*"\nbin = "{programs}"\nenv = {{ {environment} }}\n')
    return file


@contextmanager
def fork_server() -> Iterator[None]:
    """Run the server from which commands of Prefect are forked (prefect_fork_server.py)."""
    # The path of a socket may have a hundred characters.
    with tempfile.TemporaryDirectory(prefix="tests-") as folder:
        address = Path(folder) / "fork-server"
        process = subprocess.Popen(
            [sys.executable, _FOLDER / "prefect_fork_server.py", address],
            env={**os.environ, **ENVIRONMENT}, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=folder,
        )  # fmt: skip
        try:
            wait_until(address.exists, "the fork server listens", every=0.01)
            ENVIRONMENT[_FORK_SERVER] = f"{address}{os.pathsep}{sys.prefix}"
            OF_METAFLOW[_FORKED_TASKS] = folder
            yield
        finally:
            ENVIRONMENT.pop(_FORK_SERVER, None)
            OF_METAFLOW.clear()
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)
