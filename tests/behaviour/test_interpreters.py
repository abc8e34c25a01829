"""Steps have the interpreters that @conda asks for, as under Metaflow's own run.

What makes them is a stand-in for the program micromamba (`micromamba.py`); no conda channel is asked.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.behaviour import micromamba
from tests.behaviour.cases import FLOWS, Case
from tests.behaviour.comparing import Way, compare
from tests.behaviour.running import Form, environment

CASE = Case(name="conda_environment", folder=FLOWS / "support", options=("--environment=conda",))


@pytest.mark.slow
def test_a_step_has_the_interpreter_and_the_packages_it_asks_for(
    tmp_path, prefect_server, monkeypatch
):
    for name, value in micromamba.install(tmp_path).items():
        monkeypatch.setenv(name, value)

    way = Way(name="compiled", form=Form.FILE, environment=prefect_server.environment)
    assert not compare(CASE, tmp_path, way)


@pytest.mark.slow
def test_without_micromamba_every_step_that_needs_it_is_named(tmp_path):
    nowhere = {"PATH": str(tmp_path), "METAFLOW_HOME": str(tmp_path)}  # nor curl, to fetch it
    kept = {name: value for name, value in os.environ.items() if "MICROMAMBA" not in name}
    command = [
        sys.executable,
        str(CASE.file),
        "--no-pylint",
        *CASE.options,
        "prefect",
        "create",
        "out.py",
    ]
    ended = subprocess.run(
        command, cwd=tmp_path, env={**environment(tmp_path), **kept, **nowhere},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert ended.returncode == 1
    assert "start: @conda — Metaflow makes the step's interpreter with micromamba" in ended.stderr
    assert "end: @conda" not in ended.stderr
    assert not (tmp_path / "out.py").exists()
