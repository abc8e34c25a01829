"""@conda in containers whose image has micromamba; what stands for it asks no conda channel (`tests/behaviour/micromamba.py`)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from tests.behaviour import micromamba
from tests.behaviour.cases import FLOWS

pytestmark = pytest.mark.slow


def conda_flow(pool, home: Path, *words: str):
    done = subprocess.run(
        [sys.executable, "conda_environment.py", "--quiet", "--no-pylint", "--environment=conda", "prefect", *words, "--json"],
        cwd=FLOWS / "support",
        env={
            **pool.environment,
            **micromamba.install(home / "here"),
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(home),
            "PREFECT_HOME": str(home / "client"),
        },
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_container_with_micromamba_makes_the_interpreter_that_was_resolved_at_deploy(
    pool, prefect, tmp_path
):
    for place in ("here", "image"):
        (tmp_path / place).mkdir()
    of_image = micromamba.install(tmp_path / "image")
    micromamba.without_channel(tmp_path / "image")
    conda_flow(
        pool, tmp_path, "deploy", "--work-pool", pool.name, "--name", pool.name,
        "--job-variable", f"env.METAFLOW_DATASTORE_SYSROOT_LOCAL={tmp_path}",
        "--job-variable", "env.EXTRA_PIP_PACKAGES=",
        "--job-variable", "project_id=demo", "--job-variable", "billing_deployment_plan=nf-compute-200",
        *(word for name, it in of_image.items() for word in ("--job-variable", f"env.{name}={it}")),
    )  # fmt: skip
    run = conda_flow(pool, tmp_path, "trigger", "--name", pool.name)["run"]
    flow_run = UUID(run.partition("/prefect-")[2])
    with pool.worker() as worker:
        state = prefect.wait_for(flow_run)
    assert state["state_type"] == "COMPLETED", worker.output + prefect.logs(flow_run)

    (made,) = (tmp_path / "image/envs/metaflow").glob("*/*/lib/python3.*/site-packages/left_pad.py")
    assert "1.3" in made.read_text()
