"""Steps with @northflank run in containers of their own, and everything else is as if they did not."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

FLOWS = Path(__file__).parent / "flows"

pytestmark = pytest.mark.slow


class Home:
    """A user's folder: commands on the flow, from there."""

    def __init__(self, pool, folder):
        self.pool = pool
        self.folder = folder

    def command(self, *words, flow="contained_flow.py"):
        done = subprocess.run(
            [sys.executable, flow, "--quiet", "--no-pylint", "prefect", *words],
            cwd=FLOWS,
            env=self.environment,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def environment(self):
        return {
            **self.pool.environment,
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(self.folder),
            "PREFECT_HOME": str(self.folder / "client"),
        }

    def deploy(self, *words):
        return self.command(
            "deploy", "--work-pool", self.pool.name,
            "--job-variable", f"env.METAFLOW_DATASTORE_SYSROOT_LOCAL={self.folder}",
            "--job-variable", "env.EXTRA_PIP_PACKAGES=",
            "--job-variable", "project_id=demo",
            *words,
        )  # fmt: skip

    def trigger(self, *words):
        file = self.folder / "run.id"
        self.command("trigger", "--run-id-file", str(file), *words)
        return file.read_text().removeprefix("prefect-")

    def task(self, pathspec):
        script = (
            "import json, sys\nfrom metaflow import Task, namespace\nnamespace(None)\n"
            "task = Task(sys.argv[1])\n"
            "names = [item.id for item in task.artifacts if not item.id.startswith('_')]\n"
            "print(json.dumps({'stdout': task.stdout, 'attempts': task.current_attempt + 1,"
            " **{name: task[name].data for name in names}}, default=str))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, pathspec],
            env=self.environment, capture_output=True, text=True, timeout=100, check=True,
        )  # fmt: skip
        return json.loads(done.stdout)


def until_final(prefect, flow_run):
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline:
        run = prefect.post(f"/flow_runs/{flow_run}", method="GET")
        if run["state"]["type"] in {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}:
            return run
        time.sleep(1)
    raise AssertionError(f"{flow_run} is {run['state']['name']}")


@pytest.fixture
def home(pool, tmp_path):
    return Home(pool, tmp_path)


def test_a_slice_of_a_foreach_and_a_join_run_in_containers_of_their_own(
    home, pool, prefect, emulator
):
    said = home.deploy()
    assert (
        "train      plan nf-compute-50 (0.5 vCPU, 1 GB, $0.0167 an hour): cpu=0.5, memory=900"
        in said
    )
    assert (
        "join       plan nf-compute-100-1 (1 vCPU, 1 GB, $0.025 an hour): cpu=1, memory=700" in said
    )
    listed = json.loads(home.command("list-deployments", "--all", "--json"))
    assert [item["deployment"] for item in listed] == ["ContainedFlow/default"]

    with pool.worker():
        flow_run = home.trigger()
        run = until_final(prefect, flow_run)

    assert run["state"]["type"] == "COMPLETED", run["state"]["message"]
    join = home.task(f"ContainedFlow/prefect-{flow_run}/join/t")
    assert (join["word"], join["attempts"]) == ("ABCDE", [0, 0, 1, 0, 0])
    assert len(set(join["processes"])) == 3
    assert home.task(f"ContainedFlow/prefect-{flow_run}/train/t-2")["stdout"] == "training on c\n"
    children = children_of(prefect, flow_run)
    assert sorted(children) == ["join", "train[0-1]", "train[2-3]", "train[4]"]
    assert edges(prefect, flow_run) == {
        *(("start", slice_) for slice_ in ("train[0-1]", "train[2-3]", "train[4]")),
        *((slice_, "join") for slice_ in ("train[0-1]", "train[2-3]", "train[4]")),
        ("join", "end"),
    }
    plans = {
        request.body["billing"]["deploymentPlan"]
        for request in emulator.requests
        if request.operation == "start.job.run" and run["name"] in str(request.body)
    }
    assert plans == {"nf-compute-50", "nf-compute-100-1"}


def edges(prefect, flow_run):
    """Return the edges of Prefect's graph of a run, containers by the name of their slice."""
    graph = prefect.post(f"/flow_runs/{flow_run}/graph-v2", method="GET")
    nodes = {node["id"]: node for _, node in graph["nodes"]}
    return {
        (nodes[parent["id"]]["label"].split()[-1], node["label"].split()[-1])
        for node in nodes.values()
        for parent in node["parents"]
    }


def children_of(prefect, flow_run):
    parent = prefect.post(f"/flow_runs/{flow_run}", method="GET")
    body = {"flow_runs": {"parent_flow_run_id": {"any_": [flow_run]}}}
    found = prefect.post("/flow_runs/filter", body)
    return {run["name"].removeprefix(parent["name"] + " "): run for run in found}
