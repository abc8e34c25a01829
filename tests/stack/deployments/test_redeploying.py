"""Deploying again, by whom, and by other means: what changes and what stays."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.slow

_FLOW = ("waiting_flow.py", "prefect")


def _done(place, *words, **variables):
    answer = place.command(*words, **variables)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.fixture
def server(environment):
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


def _held(server):
    """What the server holds of the deployment, but for the moment of its last change."""
    deployment = server.read_deployment_by_name("WaitingFlow/default")
    related = server.read_resource_related_automations(f"prefect.deployment.{deployment.id}")
    content = deployment.model_dump(mode="json", exclude={"updated", "updated_by", "last_polled"})
    content["automations"] = sorted(str(item.id) for item in related)
    return content


def test_deploying_twice_changes_nothing_and_deleting_leaves_nothing(place, server):
    _done(place, *_FLOW, "deploy", "--work-pool", "idle")
    first = _held(server)
    _done(place, *_FLOW, "deploy")
    again = _held(server)
    _done(place, *_FLOW, "schedule", "pause")
    _done(place, *_FLOW, "deploy")
    paused = _held(server)
    denied = place.command(*_FLOW, "delete", USERNAME="bob", METAFLOW_HOME="/nonexistent")
    token = _done(place, *_FLOW, "get-token").strip()
    _done(place, *_FLOW, "delete", "--authorize", token, USERNAME="bob")

    assert again == first
    assert len(first["automations"]) == 1
    assert (first["paused"], paused["paused"]) == (False, True)
    assert denied.returncode == 1
    assert "Incorrect production token" in denied.stderr
    assert json.loads(_done(place, *_FLOW, "list-deployments", "--json")) == []
    assert not [item for item in server.read_automations() if item.name.startswith("WaitingFlow/")]


def test_several_schedules_are_kept_and_one_that_was_switched_off_stays_off(place, server):
    flow = ("gathering_flow.py", "prefect")
    words = (
        *flow, "deploy", "--work-pool", "idle", "--work-queue", "urgent", "--workflow-priority", "3",
        "--schedule", "0 12 ? * 2-6 *", "--schedule", "CRON_TZ=Europe/Berlin 0 3 * * *",
    )  # fmt: skip

    def held():
        found = server.read_deployment_by_name("GatheringFlow/default")
        active = {
            (item.schedule.cron, item.schedule.timezone): item.active for item in found.schedules
        }
        return found, active

    _done(place, *words)
    deployment, active = held()
    berlin = ("0 3 * * *", "Europe/Berlin")
    (switched,) = [item for item in deployment.schedules if item.schedule.timezone == berlin[1]]
    server.update_deployment_schedule(deployment.id, switched.id, active=False)
    _done(place, *words)
    _, again = held()
    (listed,) = json.loads(_done(place, *flow, "list-deployments", "--json"))
    _done(place, *flow, "schedule", "resume")
    _, resumed = held()
    queue = server.read_work_queue(deployment.work_queue_id)
    _done(place, *flow, "delete")
    server.delete_work_queue_by_id(queue.id)

    assert active == {("0 0 * * *", None): True, ("0 12 * * 1-5", None): True, berlin: True}
    assert again == active | {berlin: False}
    assert "0 3 * * * (Europe/Berlin); paused" in listed["schedules"]
    assert resumed == active
    assert (queue.name, queue.priority) == ("urgent", 3)


def test_a_dry_run_touches_nothing_and_a_prefect_yaml_deploys_the_same(place, server):
    planned = json.loads(
        _done(place, *_FLOW, "deploy", "--work-pool", "idle", "--dry-run", "--json")
    )
    (place.folder / "gitops").mkdir()
    _done(place, *_FLOW, "deploy", "--work-pool", "idle", "--prefect-yaml", "gitops/prefect.yaml")
    assert json.loads(_done(place, *_FLOW, "list-deployments", "--json")) == []

    home = str(place.folder / "home")
    words = ("-m", "prefect", "--no-prompt", "deploy", "--all")
    _done(place, *words, below="gitops", PREFECT_HOME=home)
    theirs = _held(server)
    _done(place, *_FLOW, "deploy")
    ours = _held(server)
    _done(place, *_FLOW, "delete")

    # Prefect makes the form of the parameters from the generated function.
    for held in (theirs, ours):
        del held["parameter_openapi_schema"], held["automations"]
    assert theirs == ours
    assert planned["job_variables"] == ours["job_variables"]


def test_runs_that_wait_are_listed_and_ended(place, server):
    _done(place, *_FLOW, "deploy", "--work-pool", "idle", "--param-default", "alpha=9")
    run = json.loads(_done(place, *_FLOW, "trigger", "--alpha", "0.5", "--json"))
    run_id = run["run"].partition("/")[2]
    pending = json.loads(_done(place, *_FLOW, "list-runs", "--state", "pending", "--json"))
    refused = place.command(*_FLOW, "unsuspend", run_id)
    _done(place, *_FLOW, "terminate", run_id)
    status = _done(place, *_FLOW, "status", run_id).strip()
    parameters = server.read_flow_run(run_id.removeprefix("prefect-")).parameters
    _done(place, *_FLOW, "delete")

    assert [item["run"] for item in pending] == [run["run"]]
    assert refused.returncode == 1
    assert "not suspended" in refused.stderr
    assert status == "ABORTED"
    assert parameters["alpha"] == 0.5


def test_the_deployer_finds_a_run_suspends_it_lets_it_go_on_and_ends_it(place, server):
    from metaflow import DeployedFlow
    from prefect.states import Pending, Running

    _done(place, *_FLOW, "deploy", "--work-pool", "idle")
    deployed = DeployedFlow.from_prefect("WaitingFlow/default")
    sleeps = [
        change() and server.read_deployment_by_name("WaitingFlow/default").paused
        for change in (deployed.pause_schedule, deployed.resume_schedule)
    ]
    run_id = deployed.trigger().pathspec.partition("/")[2]
    run = DeployedFlow.get_triggered_prefect_run("WaitingFlow/default", run_id)
    # As a worker and the run itself would say.
    for state in (Pending(), Running()):
        server.set_flow_run_state(run_id.removeprefix("prefect-"), state)
    begun = run.status
    suspended = run.suspend() and server.read_flow_run(run_id.removeprefix("prefect-")).state_name
    again = run.unsuspend() and server.read_flow_run(run_id.removeprefix("prefect-")).state_type
    ended = run.terminate() and run.status
    _done(place, *_FLOW, "delete")

    assert (begun, suspended, again.value, ended) == (
        "RUNNING",
        "Suspended",
        "SCHEDULED",
        "ABORTED",
    )
    assert sleeps == [True, False]
