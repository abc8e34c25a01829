"""How a run gets its code: what the pull step writes is what was deployed, wherever it was kept."""

from __future__ import annotations

import base64
import os
import subprocess
import sys

import pytest
from metaflow.datastore import FlowDataStore
from metaflow.plugins import DATASTORES

from metaflow_prefect.deploy.plan.pull_step import CodeDelivery, code_delivery, key

SMALL = "print('{{ not_for_prefect }}')\n"


@pytest.fixture
def flow(tmp_path, monkeypatch):
    """The datastore of a flow, in files of this test."""
    monkeypatch.setenv("METAFLOW_DATASTORE_SYSROOT_LOCAL", str(tmp_path))
    monkeypatch.setenv("METAFLOW_DEFAULT_DATASTORE", "local")
    (storage,) = [storage for storage in DATASTORES if storage.TYPE == "local"]
    return FlowDataStore("F", storage_impl=storage, ds_root=str(tmp_path / ".metaflow"))


def written_by(made: CodeDelivery, folder) -> str:
    """Do what Prefect's `run_shell_script` does with the step, in an empty folder."""
    (arguments,) = made.step.values()
    empty = folder / "empty"
    empty.mkdir()
    done = subprocess.run(
        ["sh", "-c", arguments["script"]], cwd=empty, env={**os.environ, **arguments["env"]},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (file,) = empty.iterdir()
    return file.read_text()


def test_small_code_travels_in_the_deployment(tmp_path):
    made = code_delivery("f.py", SMALL, "F", sys.executable)

    assert made.stored is None
    assert written_by(made, tmp_path) == SMALL


def test_large_code_is_read_from_the_flows_datastore(tmp_path, flow):
    large = base64.b64encode(os.urandom(1_000_000)).decode()
    made = code_delivery("f.py", large, "F", sys.executable)

    assert len(str(made.step)) < 2_000
    ((_, stored_as),) = flow.save_data([made.stored])
    assert stored_as == key(made.stored)
    assert written_by(made, tmp_path) == large
    assert code_delivery("f.py", large, "F", sys.executable) == made
