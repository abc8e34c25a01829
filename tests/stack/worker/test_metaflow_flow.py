"""A deployed Metaflow flow finishes on Northflank: deploy, trigger, worker and container are processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"
TEXT = "a nymph a spell a nymph"

pytestmark = pytest.mark.slow


def flow(pool, tmp_path, *words):
    done = subprocess.run(
        [sys.executable, "branch_flow.py", "--quiet", "prefect", *words],
        cwd=EXAMPLES,
        env={
            **pool.environment,
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tmp_path),
            "PREFECT_HOME": str(tmp_path / "client"),
        },
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_job_knows_the_flow_run_and_its_log_shows_what_the_steps_print(
    pool, emulator, tmp_path
):
    run_id_file = tmp_path / "run_id"
    flow(
        pool, tmp_path, "deploy", "--work-pool", pool.name, "--name", pool.name,
        "--job-variable", f"env.METAFLOW_DATASTORE_SYSROOT_LOCAL={tmp_path}",
        # The test's containers have Metaflow already; on Northflank the image's entrypoint installs it.
        "--job-variable", "env.EXTRA_PIP_PACKAGES=",
        "--job-variable", "cleanup_job=false",
        "--job-variable", "project_id=demo",
        "--job-variable", "billing_deployment_plan=nf-compute-200",
    )  # fmt: skip
    with pool.worker() as worker:
        flow(
            pool, tmp_path, "trigger", "--name", pool.name, "--text", TEXT, "--wait",
            "--run-id-file", str(run_id_file),
        )  # fmt: skip
    run_id = run_id_file.read_text()
    flow_run_id = run_id.removeprefix("prefect-")

    (started,) = [
        request
        for request in emulator.requests
        if request.operation == "start.job.run" and flow_run_id in json.dumps(request.body)
    ]
    job = started.path.split("/jobs/")[1].partition("/")[0]
    assert started.body["runtimeEnvironment"]["PREFECT__FLOW_RUN_ID"] == flow_run_id
    log = pool.northflank.api(f"/jobs/{job}/logs?queryType=range&lineLimit=1000")
    assert "'favourite': 'a'" in "\n".join(str(line["log"]) for line in log), worker.output
    assert (tmp_path / ".metaflow" / "BranchFlow" / run_id / "end").is_dir()
