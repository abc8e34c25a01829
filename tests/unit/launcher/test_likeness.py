"""Two processes are alike for the launcher where nothing differs that a fork could not take over."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

DIGEST = (
    "import os; from metaflow_prefect.launcher.likeness import digest; print(digest(os.environ))"
)
LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))\n"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no launcher")


def digest(*options: str, before: str = "", **variables: str) -> str:
    """Return what a process says that is started with these, in a folder of its own."""
    ended = subprocess.run(
        [sys.executable, *options, "-c", before + DIGEST],
        env=os.environ | variables, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return ended.stdout


def test_what_a_shell_changes_from_command_to_command_makes_no_difference():
    assert digest(SHLVL="9", OLDPWD="/", _="x") == digest()


@pytest.mark.parametrize(
    ("options", "before", "variables"),
    [
        ((), "", {"METAFLOW_DEFAULT_DATASTORE": "s3"}),
        ((), "", {"ANY": "other"}),
        (("-W", "error"), "", {}),
        (("-O",), "", {}),
        ((), LIMIT, {}),
        ((), "import os; os.nice(1)\n", {}),
    ],
    ids=["metaflow", "variable", "warnings", "optimized", "limit", "niceness"],
)
def test_what_a_fork_could_not_take_over_makes_another(options, before, variables):
    assert digest(*options, before=before, **variables) != digest()
