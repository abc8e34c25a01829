"""Steps with @northflank run in containers of their own, and everything else is as if they did not."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import quick_start
from tests.support.processes import wait_until_gone
from tests.support.waiting import wait_until

FLOWS = Path(__file__).parent / "flows"

FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}

pytestmark = pytest.mark.slow


class Home:
    """A user's folder: commands on the flow, from there."""

    def __init__(self, pool, folder):
        self.pool = pool
        self.folder = folder

    def command(self, *words, flow="contained_flow.py", top=()):
        done = subprocess.run(
            [sys.executable, flow, "--quiet", "--no-pylint", *top, "prefect", *words],
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

    def deploy(self, *words, flow="contained_flow.py", top=()):
        return self.command(
            "deploy", "--work-pool", self.pool.name,
            "--job-variable", f"env.METAFLOW_DATASTORE_SYSROOT_LOCAL={self.folder}",
            "--job-variable", "env.EXTRA_PIP_PACKAGES=",
            "--job-variable", "project_id=demo",
            # The flow of lost containers looks for its process by its name.
            *(word for it in quick_start.COLD for word in ("--job-variable", f"env.{it}=")),
            *words, flow=flow, top=top,
        )  # fmt: skip

    def trigger(self, *words, flow="contained_flow.py"):
        file = self.folder / "run.id"
        self.command("trigger", "--run-id-file", str(file), *words, flow=flow)
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
        if run["state"]["type"] in FINAL:
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
    assert [name for it in listed if (name := it["deployment"]).startswith("ContainedFlow")] == [
        "ContainedFlow/default"
    ]

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
    expected = {
        *(("start", slice_) for slice_ in ("train[0-1]", "train[2-3]", "train[4]")),
        *((slice_, "join") for slice_ in ("train[0-1]", "train[2-3]", "train[4]")),
        ("join", "end"),
    }
    # The server records task runs a moment after they end.
    wait_until(lambda: edges(prefect, flow_run) == expected, "the graph has all edges")
    ids = [child["id"] for child in children.values()]
    plans = {
        request.body["billing"]["deploymentPlan"]
        for request in emulator.requests
        if request.operation == "start.job.run" and any(it in str(request.body) for it in ids)
    }
    assert plans == {"nf-compute-50", "nf-compute-100-1"}
    # The page, `status` and `list-runs` say what each container costs an hour, how long it ran, and the sum.
    told = json.loads(home.command("status", f"prefect-{flow_run}", "--json"))
    (listed,) = json.loads(home.command("list-runs", "--json"))
    assert listed["containers"] == told["containers"]
    costs = {item["tasks"]: item["cost"] for item in told["containers"]}
    prices = {tasks: cost["dollars_per_hour"] for tasks, cost in costs.items()}
    assert prices == dict.fromkeys(("train[0-1]", "train[2-3]", "train[4]"), 0.0167) | {
        "join": 0.025
    }
    all_costs = [told["cost"], *costs.values()]
    assert all(cost["seconds"] > 0 for cost in all_costs)
    assert told["total_cost"]["containers"] == 5
    assert told["total_cost"]["dollars"] == pytest.approx(
        sum(it["dollars"] for it in all_costs), abs=1e-5
    )
    page = page_of(prefect, flow_run)
    assert all(f"| `{tasks}` |" in page for tasks in costs)
    assert "$0.025 (nf-compute-100-1)" in page
    assert "for 4 containers of steps" in page
    assert " in all" in page


def test_a_task_that_loses_its_container_has_used_an_attempt_and_no_other_runs_twice(
    home, pool, prefect, tmp_path
):
    ledger = tmp_path / "ledger"
    ledger.mkdir()
    home.deploy(flow="lost_flow.py")

    with pool.worker():
        flow_run = home.trigger("--ledger", str(ledger), flow="lost_flow.py")
        run = until_final(prefect, flow_run)

    assert run["state"]["type"] == "COMPLETED", run["state"]["message"]
    end = home.task(f"LostFlow/prefect-{flow_run}/end/t")
    assert end["has_failure"]
    assert end["executed"] == ["stubborn.0", "train-0.0", "train-1.0", "train-1.1", "train-2.0"]
    assert home.task(f"LostFlow/prefect-{flow_run}/join/t")["attempts"] == [0, 1, 0]
    said = home.command("logs", f"prefect-{flow_run}", flow="lost_flow.py")
    assert "The container of train[0-2] was lost; train[1-2] gets another." in said


def test_a_container_ends_with_its_run_when_that_is_canceled_or_a_sibling_fails(
    home, pool, prefect, emulator, tmp_path
):
    home.deploy(flow="sleeping_flow.py")

    with pool.worker():
        runs = {}
        for fails in (True, False):
            awake = tmp_path / f"awake-{fails}"
            runs[awake] = home.trigger(
                "--awake", str(awake), "--fails", str(fails), flow="sleeping_flow.py"
            )
        wait_until(
            lambda: all(awake.exists() for awake in runs), "both sleepers sleep", seconds=300
        )
        canceled = runs[tmp_path / "awake-False"]
        home.command("terminate", f"prefect-{canceled}", flow="sleeping_flow.py")
        ended = {flow_run: until_final(prefect, flow_run) for flow_run in runs.values()}
        processes = [int(awake.read_text()) for awake in runs]
        wait_until_gone(*processes, seconds=60)
        wait_until(
            lambda: all(
                child["state"]["type"] in FINAL
                for flow_run in runs.values()
                for child in children_of(prefect, flow_run).values()
            ),
            "the containers have ended",
            seconds=60,
        )

    assert sorted(run["state"]["type"] for run in ended.values()) == ["CANCELLED", "FAILED"]
    failed = next(run for run in ended.values() if run["state"]["type"] == "FAILED")
    assert "Step other failed" in failed["state"]["message"]


def test_the_deployment_of_the_steps_goes_when_no_step_and_no_run_needs_it_any_more(
    home, pool, prefect
):
    def for_steps():
        body = {"deployments": {"tags": {"all_": ["metaflow-steps", "steps-of:PlainFlow/default"]}}}
        return [it["name"] for it in prefect.post("/deployments/filter", body)]

    home.deploy(flow="plain_flow.py", top=("--with", "northflank:memory=700"))
    flow_run = home.trigger(flow="plain_flow.py")
    body = {"state": {"type": "RUNNING", "name": "Running"}, "force": True}
    prefect.post(f"/flow_runs/{flow_run}/set_state", body)

    home.deploy(flow="plain_flow.py")
    while_it_runs = for_steps()
    body = {"state": {"type": "CANCELLED", "name": "Cancelled"}, "force": True}
    prefect.post(f"/flow_runs/{flow_run}/set_state", body)
    home.deploy(flow="plain_flow.py")

    assert (while_it_runs, for_steps()) == (["default"], [])


def page_of(prefect, flow_run):
    """Return the Markdown of the run's artifact."""
    wanted = {"artifacts": {"flow_run_id": {"any_": [flow_run]}, "type": {"any_": ["markdown"]}}}
    found = prefect.post("/artifacts/filter", wanted)
    return "".join(item["data"] for item in found if item["task_run_id"] is None)


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
