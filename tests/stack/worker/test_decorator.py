"""A flow under `@northflank` runs on Northflank each time its program calls it."""

from __future__ import annotations

import subprocess
import sys
from ast import literal_eval
from pathlib import Path

import pytest

FLOWS = Path(__file__).parent / "flows"

pytestmark = pytest.mark.slow


def give_a_bundle_storage(prefect, pool, folder):
    """Do what `prefect work-pool storage configure` does, with a folder."""
    step = {"shelf": {"folder": str(folder), "launcher": ["python3"]}}
    storage = {"bundle_upload_step": step, "bundle_execution_step": step}
    prefect.post(f"/work_pools/{pool.name}", {"storage_configuration": storage}, method="PATCH")


def test_a_call_returns_what_the_container_computed(pool, prefect, emulator, conftest, tmp_path):
    """No worker is there: the program starts the job run and watches it itself."""
    give_a_bundle_storage(prefect, pool, tmp_path / "shelf")
    environment = {
        "POOL": pool.name,
        "PYTHONPATH": str(FLOWS),
        "RESULTS": str(tmp_path / "results"),
    }
    done = subprocess.run(
        [sys.executable, "decorated.py"],
        cwd=FLOWS,
        env=pool.environment | environment,
        capture_output=True,
        text=True,
        timeout=conftest.PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = len((FLOWS / "table.csv").read_text().splitlines())
    computed = literal_eval(done.stdout.splitlines()[-1])
    assert computed == {"double": 42, "project": "demo", "rows": rows}, done.stderr
    (asked,) = [
        it.body for it in emulator.requests if it.method == "PUT" and "shelf" in str(it.body)
    ]
    assert asked["billing"]["deploymentPlan"] == "nf-compute-400"
