"""Operating a deployment: its limits, its runs while others deploy, who is told, and what starts it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.http_client import HTTP
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

_FLOW = ("steady_flow.py", "prefect")


def done(place, *words, **variables):
    answer = place.command(*words, **variables)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def until(happened, what):
    """Return the first true answer of *happened*."""
    return wait_until(happened, what, seconds=200, every=0.5)


def until_over(place, run_id):
    """Wait until the run is over, by asking the server: the command `status` takes two seconds of CPU."""
    url = f"{place.environment['PREFECT_API_URL']}/flow_runs/{run_id.removeprefix('prefect-')}"
    over = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
    until(lambda: HTTP.get(url).json()["state_type"] in over, f"{run_id} is over")


@pytest.fixture(scope="module")
def told():
    """What a web hook was told, and its address."""
    bodies = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=listener.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listener.server_port}", bodies
    listener.shutdown()
    listener.server_close()
    thread.join()


@pytest.fixture(scope="module")
def steady(place, worker, told):
    """A deployment with every option that limits or reports its runs."""
    script = (
        "import sys; from prefect.blocks.notifications import CustomWebhookNotificationBlock as Hook; "
        "Hook(name='hook', url=sys.argv[1], allow_private_urls=True,"
        " json_data={'subject': '{{subject}}', 'body': '{{body}}'}).save('hook')"
    )
    done(place, "-c", script, told[0])
    words = (
        *_FLOW, "deploy", "--work-pool", "pool", "--workflow-priority", "7",
        "--concurrency-limit", "1", "--collision", "cancel-new",
        "--notify-on-error", "custom-webhook/hook", "--notify-on-success", "custom-webhook/hook",
    )  # fmt: skip
    done(place, *words)
    yield words
    done(place, *_FLOW, "delete")


def status(place, run_id):
    return done(place, *_FLOW, "status", run_id).strip()


def test_a_run_is_suspended_goes_on_and_keeps_its_code_while_others_deploy(place, steady, told):
    gate, run_id_file = place.folder / "gate", place.folder / "run_id"
    worker_log = place.folder / "worker.log"
    done(place, *_FLOW, "trigger", "--gate", str(gate), "--run-id-file", str(run_id_file))
    run_id = run_id_file.read_text()
    until((place.folder / "gate.begun").exists, "the run has begun")
    second = json.loads(done(place, *_FLOW, "trigger", "--gate", str(gate), "--json"))
    # While the first one runs: a suspended run leaves its place to others.
    cancelled = second["run"].partition("/")[2]
    until_over(place, cancelled)
    assert status(place, cancelled) == "ABORTED", "the limit has cancelled the second run"
    flow_file = place.folder / _FLOW[0]
    flow_file.write_text(flow_file.read_text().replace('version = "1"', 'version = "2"'))
    done(place, *steady)
    done(place, *_FLOW, "suspend", run_id)
    gate.touch()
    until(
        lambda: f"flow run '{run_id.removeprefix('prefect-')}' is paused" in worker_log.read_text(),
        "the suspended run has left its process",
    )
    assert status(place, run_id) == "RUNNING"
    with subprocess.Popen(
        [sys.executable, *_FLOW, "logs", run_id, "-f"], cwd=place.folder, env=place.environment,
        stdout=subprocess.PIPE, text=True,
    ) as follower:  # fmt: skip
        done(place, *_FLOW, "unsuspend", run_id)
        log, _ = follower.communicate(timeout=300)

    assert follower.returncode == 0
    assert "version 1" in log
    assert log.rstrip().endswith("Finished in state Completed()")
    until(lambda: told[1], "the web hook is told")
    assert told[1][0]["subject"] == "SteadyFlow/default: Completed"
    assert run_id in told[1][0]["body"]


def test_a_run_that_fails_is_reported_and_resumed_as_a_run_of_the_deployment(place, steady, told):
    (place.folder / "open").touch()
    told[1].clear()
    failed = place.command(
        *_FLOW, "trigger", "--gate", str(place.folder / "open"), "--fails", "True", "--wait", "--json"
    )  # fmt: skip
    run = json.loads(failed.stdout)
    (place.folder / "open.begun").unlink()
    origin = run["run"].partition("/")[2]
    flow_file = place.folder / _FLOW[0]
    flow_file.write_text(flow_file.read_text().replace("if self.fails", "if False"))
    done(place, *steady)
    resumed = json.loads(
        done(place, *_FLOW, "resume", "--deployed", "--origin-run-id", origin, "--json")
    )
    resumed_id = resumed["run"].partition("/")[2]
    until_over(place, resumed_id)
    log = [
        json.loads(line) for line in done(place, *_FLOW, "logs", resumed_id, "--json").splitlines()
    ]
    fetched = json.loads(done(place, *_FLOW, "fetch", resumed_id, "--json"))

    assert failed.returncode == 1
    assert run["status"] == "FAILED"
    assert "failed" in {step["state"] for step in run["steps"]}
    assert status(place, resumed_id) == "SUCCEEDED"
    assert "version" in {line["message"].partition(" ")[0] for line in log if line["task"] == "end"}
    # It was here all the time.
    assert fetched["run"] == resumed["run"]
    # Its first step was taken over.
    assert not (place.folder / "open.begun").exists()
    until(lambda: len(told[1]) > 1, "the web hook is told")
    subjects = [body["subject"].partition(": ")[2] for body in told[1]]
    assert subjects == ["Failed", "Completed"]


def test_users_and_branches_have_deployments_of_their_own_and_production_has_a_token(place):
    flow = ("project_flow.py",)
    bob = {"USERNAME": "bob", "METAFLOW_HOME": str(place.folder / "bob")}
    deploy = ("prefect", "deploy", "--work-pool", "idle")
    done(place, *flow, *deploy)
    done(place, *flow, *deploy, **bob)
    done(place, *flow, "--branch", "x", *deploy)
    done(place, *flow, "--production", *deploy)
    refused = place.command(*flow, "--production", *deploy, **bob)
    token = done(place, *flow, "--production", "prefect", "get-token").strip()
    done(place, *flow, "--production", *deploy, "--authorize", token, **bob)
    # Shown once, it is remembered.
    done(place, *flow, "--production", "prefect", "schedule", "pause", **bob)
    found = json.loads(done(place, *flow, "prefect", "list-deployments", "--json"))
    done(place, *flow, "prefect", "delete")
    left = json.loads(done(place, *flow, "prefect", "list-deployments", "--json"))
    for owner, options in ((bob, ()), (bob, ("--production",)), ({}, ("--branch", "x"))):
        done(place, *flow, *options, "prefect", "delete", **owner)

    assert refused.returncode == 1
    assert "Incorrect production token" in refused.stderr
    assert {item["deployment"]: (item["owner"], item["paused"]) for item in found} == {
        "ProjectFlow/shop.user.tester.ProjectFlow": ("tester", False),
        "ProjectFlow/shop.user.bob.ProjectFlow": ("bob", False),
        "ProjectFlow/shop.test.x.ProjectFlow": ("tester", False),
        "ProjectFlow/shop.prod.ProjectFlow": ("bob", True),
    }
    assert [item for item in found if item not in left] == [
        item for item in found if "user.tester" in item["deployment"]
    ]


def test_all_or_any_of_several_events_and_runs_start_a_run(place, environment):
    from prefect.client.orchestration import get_client

    from metaflow_prefect import Event

    both, either = ("both_flow.py", "prefect"), ("either_flow.py", "prefect")
    gathering = ("gathering_flow.py", "prefect")
    for flow in (both, either, gathering):
        done(place, *flow, "deploy", "--work-pool", "idle")

    def runs(flow):
        return json.loads(done(place, *flow, "list-runs", "--json"))

    def triggered_by(run):
        run_id = run["run"].partition("/prefect-")[2]
        with get_client(sync_client=True) as client:
            return client.read_flow_run(run_id).parameters["triggered_by"]

    Event("p").publish()
    assert runs(gathering) == []
    Event("metaflow.BFlow.end").publish({"id": "BFlow/1/end/2"})
    (one,) = until(lambda: runs(either), "any of the flows has started it")
    (gathered,) = until(lambda: runs(gathering), "the event and the run have started it")
    assert runs(both) == []
    Event("q").publish()
    (run,) = until(lambda: runs(both), "both events have started it")
    told = {name: triggered_by(item) for name, item in (("q", run), ("BFlow", gathered))}
    for flow in (both, either, gathering):
        done(place, *flow, "delete")

    assert sorted(item["name"] for item in told["q"]) == ["p", "q"]
    assert sorted((item["name"], item["type"]) for item in told["BFlow"]) == [
        ("metaflow.BFlow.end", "run"),
        ("p", "event"),
    ]
    assert one["status"] == "PENDING"
