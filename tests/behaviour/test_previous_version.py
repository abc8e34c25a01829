"""A file that the previous version generated, kept in `previous/` beside its flow as it was then, still runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.behaviour.running import PATIENCE_SECONDS, environment

PREVIOUS = Path(__file__).parent / "previous"

_LOOK = """
import sys
from metaflow import Run, namespace

namespace(None)
run = Run("ForeachFlow/" + sys.argv[1])
print(run.successful, sum(1 for step in run for task in step))
"""


@pytest.mark.slow
def test_a_file_generated_by_the_previous_version_runs_to_its_end(prefect_server, tmp_path):
    env = environment(tmp_path, prefect_server.environment)
    run_id = tmp_path / "run-id"

    def python(*words: object) -> str:
        ended = subprocess.run(
            [sys.executable, *map(str, words)],
            cwd=tmp_path, env=env, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    python(PREVIOUS / "foreach_flow.py", "--run-id-file", run_id, "--step-executor", "auto")

    assert python("-c", _LOOK, run_id.read_text()).split() == ["True", "7"]
