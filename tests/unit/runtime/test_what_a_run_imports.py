"""A deployed run imports what every run needs; the rest only where the flow needs it."""

from __future__ import annotations

import subprocess
import sys

LOAD = """
import sys
from metaflow_prefect.runtime import Json, Parameter, Program, Step, check_api, execute, execute_slice, main, run_step
print(*(name for name in sys.modules if name.startswith("metaflow_prefect.runtime.")))
"""
SELDOM = (
    "metaflow_prefect.runtime.local.command_line",
    "metaflow_prefect.runtime.local.run",
    "metaflow_prefect.runtime.packages.interpreters",
    "metaflow_prefect.runtime.packages.project",
    "metaflow_prefect.runtime.packages.uv",
    "metaflow_prefect.runtime.run.slice_tasks",
)
"""What only a run with a command line, with packages, or in the container of a step needs."""


def test_a_generated_file_imports_nothing_that_few_runs_need(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert "metaflow_prefect.runtime.run.engine" in done.stdout.split()
    assert sorted({*SELDOM} & {*done.stdout.split()}) == []
