"""What becomes of flow runs and jobs, beside one worker that serves them all."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from tests.support import quick_start

pytestmark = pytest.mark.slow


def job_of(flow_run):
    return flow_run["infrastructure_pid"].split(":")[2]


def jobs_of(pool, flow_run):
    return [job for job in pool.northflank.jobs() if flow_run.hex in job]


def told(prefect, flow_run):
    """Return what Prefect's event stream says of the job run, oldest first."""
    resource = f"prefect.northflank.job-run.{flow_run['infrastructure_pid'].split(':')[3]}"
    wanted = {"filter": {"resource": {"id": [resource]}, "order": "ASC"}}
    return [
        it["event"].rpartition(".")[2] for it in prefect.post("/events/filter", wanted)["events"]
    ]


@dataclass(frozen=True)
class Environment:
    """The environment of one flow run: what its job ships, and what it has in the container."""

    flow_run: UUID
    in_container: dict[str, str]
    shipped: dict[str, str]


@pytest.fixture(scope="module")
def environment(served, prefect, emulator, tmp_path_factory) -> Environment:
    seen = tmp_path_factory.mktemp("environment") / "environment"
    deployment = served.deploy(
        "environment",
        runtime_environment={"COLOUR": "green", "PREFECT_LOGGING_LEVEL": "DEBUG"},
        env={"COLOUR": "red", "SHAPE": "round"},
    )
    flow_run = prefect.trigger(deployment, marker=str(seen))
    assert prefect.wait_for(flow_run)["state_type"] == "COMPLETED", prefect.logs(flow_run)
    in_container = dict(line.split("=", 1) for line in seen.read_text().splitlines() if "=" in line)
    (job,) = [
        it.body for it in emulator.requests if it.method == "PUT" and flow_run.hex in str(it.body)
    ]
    return Environment(flow_run, in_container, job["runtimeEnvironment"])


def test_the_container_knows_its_flow_run_and_the_prefect_api(environment, prefect):
    assert environment.in_container["PREFECT__FLOW_RUN_ID"] == str(environment.flow_run)
    assert environment.in_container["PREFECT_API_URL"] == prefect.url


def test_the_container_gets_the_password_of_the_prefect_api(environment):
    """`test_secrets_are_in_no_request_but_that_of_the_restricted_group` shows that it is not in the job."""
    assert environment.in_container["PREFECT_API_AUTH_STRING"]


def test_runtime_environment_overrides_env_which_overrides_the_workers_settings(environment):
    seen = environment.in_container

    assert (seen["COLOUR"], seen["SHAPE"], seen["PREFECT_LOGGING_LEVEL"]) == (
        "green",
        "round",
        "DEBUG",
    )


def test_no_setting_of_the_workers_machine_is_shipped(environment):
    of_the_machine = ("PREFECT_SERVER_", "PREFECT_WORKER_", "NORTHFLANK_", "PREFECT_HOME")

    assert [key for key in environment.shipped if key.startswith(of_the_machine)] == []


def secret_block(prefect, name: str, value: str) -> str:
    """Save a Secret block; return the reference to it."""
    kind = prefect.post("/block_types/slug/secret", method="GET")["id"]
    of_kind = {"block_schemas": {"block_type_id": {"any_": [kind]}}}
    schema = prefect.post("/block_schemas/filter", of_kind)[0]["id"]
    document = {"name": name, "data": {"value": value}}
    prefect.post(
        "/block_documents/", {**document, "block_type_id": kind, "block_schema_id": schema}
    )
    return f"{{{{ prefect.blocks.secret.{name} }}}}"


def test_secrets_are_in_no_request_but_that_of_the_restricted_group(
    served, prefect, emulator, tmp_path
):
    """Neither what opens the Prefect API nor what a Secret block keeps."""
    seen = tmp_path / "environment"
    password = secret_block(prefect, f"password-{uuid4().hex[:6]}", "S3cret of a block")
    deployment = served.deploy("environment", env={"DATABASE": f"me:{password}@db"})
    flow_run = prefect.trigger(deployment, marker=str(seen))
    assert prefect.wait_for(flow_run)["state_type"] == "COMPLETED", prefect.logs(flow_run)

    assert "DATABASE=me:S3cret of a block@db\n" in seen.read_text()
    carriers = [it for it in emulator.requests if "S3cret" in str(it)]
    assert {it.path.rsplit("/", 1)[-1] for it in carriers} == {"secrets"}
    groups = served.northflank.api("/secrets")["secrets"]
    assert all(group["restrictions"]["restricted"] for group in groups)
    written = [it.read_text() for it in served.folder.glob("worker-*.log")]
    assert written
    for secret in ("S3cret", served.northflank.token):
        assert not [it for it in (*written, prefect.logs(flow_run)) if secret in it]


def test_what_the_flow_did_not_log_itself_is_copied_to_its_log_once(served, prefect, conftest):
    flow_run = prefect.trigger(served.deploy("hello"))
    prefect.wait_for(flow_run)

    for line in ("printed by the flow", "hello from the flow"):
        conftest.wait_until(lambda it=line: it in prefect.logs(flow_run), f"{line!r} is in the log")
    logged = prefect.logs(flow_run)
    assert logged.count("printed by the flow") == 1
    assert logged.count("hello from the flow") == 1


def test_a_failed_flow_is_failed_and_not_started_again(served, prefect, tmp_path):
    flow_run = prefect.trigger(served.deploy("fails"), marker=str(tmp_path / "marker"))

    assert prefect.wait_for(flow_run)["state_type"] == "FAILED"
    time.sleep(5)
    assert prefect.state(flow_run) == "FAILED"
    assert (tmp_path / "marker").read_text() == "x"


def test_a_container_that_dies_makes_its_flow_run_crashed_with_reason_and_last_lines(
    served, prefect, tmp_path
):
    deployment = served.deploy("dies", env=quick_start.COLD)
    flow_run = prefect.trigger(deployment, marker=str(tmp_path / "marker"))
    ended = prefect.wait_for(flow_run)

    assert ended["state_type"] == "CRASHED"
    assert "container" in ended["state"]["message"]
    assert "about to die" in prefect.logs(flow_run)
    assert (tmp_path / "marker").read_text() == "x", "a flow that began is not executed again"


def test_lasting_jobs_keep_a_history_per_deployment(served, prefect, conftest):
    deployment = served.deploy("hello", cleanup_job=False)
    first, second = (prefect.wait_for(prefect.trigger(deployment)) for _ in range(2))

    assert {first["state_type"], second["state_type"]} == {"COMPLETED"}
    conftest.wait_until(
        lambda: told(prefect, first) == ["started", "ended"],
        "the event stream tells of the job run",
    )
    assert job_of(first) == job_of(second)
    assert job_of(first).startswith("hello-test-")
    conftest.wait_until(
        lambda: (
            [run["status"] for run in served.northflank.runs(job_of(first))]
            == ["SUCCESS", "SUCCESS"]
        ),
        "both runs are in the job's history",
    )


def test_a_lasting_job_gives_way_to_another_one_when_nothing_of_it_runs(
    light, prefect, conftest, tmp_path
):
    _, pool = light
    quick = {"PREFECT_NORTHFLANK_TIDY_SECONDS": "1", "PREFECT_NORTHFLANK_ADOPT_SECONDS": "1"}
    deployment = pool.deploy("hello", cleanup_job=False)

    def lasting() -> set[str]:
        return {job for job in pool.northflank.jobs() if job.startswith("hello-test-")}

    others = lasting()
    soon = {"seconds": 0, "marker": str(tmp_path / "soon")}
    with pool.worker("one", **quick):
        first = job_of(prefect.wait_for(prefect.trigger(deployment, **soon)))
    prefect.post(f"/deployments/{deployment}", {"description": "changed"}, method="PATCH")
    with pool.worker("two", **quick) as worker:
        marker = tmp_path / "marker"
        slow = prefect.trigger(deployment, seconds=25, marker=str(marker))
        conftest.wait_until(marker.exists, "the flow has begun")
        assert job_of(prefect.flow_run(slow)) == first, "worker and change make no other job"

        variables = prefect.post(f"/deployments/{deployment}", method="GET")["job_variables"]
        other = {"job_variables": variables | {"deployment_grace_period_seconds": 30}}
        prefect.post(f"/deployments/{deployment}", other, method="PATCH")
        second = job_of(prefect.wait_for(prefect.trigger(deployment, **soon)))
        assert lasting() - others == {first, second}

        assert prefect.wait_for(slow)["state_type"] == "COMPLETED"
        conftest.wait_until(
            lambda: lasting() - others == {second}, "the superseded one is deleted", patience=60
        )
        prefect.post(f"/deployments/{deployment}", method="DELETE")
        conftest.wait_until(
            lambda: not lasting() - others, "that of a deleted deployment is, too", patience=60
        )
        assert "Traceback" not in worker.output


def test_a_running_flow_run_can_be_cancelled(served, prefect, conftest, tmp_path):
    flow_run = prefect.trigger(served.deploy("hello"), seconds=120, marker=str(tmp_path / "marker"))
    conftest.wait_until((tmp_path / "marker").exists, "the flow has begun")

    prefect.set_state(flow_run, "CANCELLING", "Cancelling")

    assert prefect.wait_for(flow_run)["state_type"] == "CANCELLED"
    conftest.wait_until(
        lambda: not jobs_of(served, flow_run),
        "the job is deleted",
    )


def test_a_flow_run_that_has_not_begun_can_be_cancelled(served, prefect, conftest):
    # A command that never tells Prefect anything stands for a container that hangs before the flow begins.
    deployment = served.deploy("hello", deployment_docker_custom_command="sleep 120")
    flow_run = prefect.trigger(deployment)
    conftest.wait_until(
        lambda: prefect.flow_run(flow_run)["state_name"] == "InfrastructurePending", "it is pending"
    )

    prefect.set_state(flow_run, "CANCELLING", "Cancelling")

    assert prefect.wait_for(flow_run)["state_type"] == "CANCELLED"
    conftest.wait_until(
        lambda: not jobs_of(served, flow_run),
        "the job is deleted",
    )


def test_a_container_that_does_not_begin_in_time_is_given_up(served, prefect):
    deployment = served.deploy(
        "hello", deployment_docker_custom_command="sleep 120", pending_timeout_seconds=4
    )
    ended = prefect.wait_for(prefect.trigger(deployment))

    assert ended["state_type"] == "CRASHED"
    assert "pending_timeout_seconds (4 s)" in ended["state"]["message"]


def test_a_container_that_ends_before_the_flow_begins_is_replaced_as_often_as_asked(
    served, prefect
):
    deployment = served.deploy(
        "hello",
        deployment_docker_custom_command="sh -c 'exit 3'",
        settings_backoff_limit=1,
        cleanup_job=False,
    )
    ended = prefect.wait_for(prefect.trigger(deployment))

    assert ended["state_type"] == "CRASHED"
    assert len(served.northflank.runs(job_of(ended))) == 2


def test_a_run_aborted_in_northflank_goes_back_to_its_pool_and_is_executed_again(
    served, prefect, emulator, conftest, tmp_path
):
    import httpx

    marker = tmp_path / "marker"
    flow_run = prefect.trigger(served.deploy("hello"), seconds=20, marker=str(marker))
    conftest.wait_until(marker.exists, "the flow has begun")
    _, project, job, run = prefect.flow_run(flow_run)["infrastructure_pid"].split(":")
    url = f"{emulator.base_url}/v1/projects/{project}/jobs/{job}/runs/{run}"

    httpx.delete(url, headers={"Authorization": f"Bearer {emulator.token}"}).raise_for_status()

    assert prefect.wait_for(flow_run)["state_type"] == "COMPLETED", prefect.logs(flow_run)
    assert marker.read_text() == "xx"


def test_a_suspended_flow_run_gives_its_container_up_and_gets_another_when_resumed(
    served, prefect, conftest, tmp_path
):
    marker = tmp_path / "marker"
    flow_run = prefect.trigger(served.deploy("suspends"), marker=str(marker))
    prefect.wait_for(flow_run, "PAUSED")
    conftest.wait_until(
        lambda: jobs_of(served, flow_run) == [], "the container and its job are gone"
    )

    prefect.post(f"/flow_runs/{flow_run}/resume")

    assert prefect.wait_for(flow_run)["state_type"] == "COMPLETED", prefect.logs(flow_run)
    assert marker.read_text() == "xx"


def test_a_run_that_hits_its_deadline_is_crashed_for_it_and_not_executed_again(
    served, prefect, tmp_path
):
    marker = tmp_path / "marker"
    deployment = served.deploy("hello", settings_active_deadline_seconds=30)
    flow_run = prefect.trigger(deployment, seconds=300, marker=str(marker))

    prefect.wait_for(flow_run, "CRASHED")
    assert (
        "settings_active_deadline_seconds (30 s)" in prefect.flow_run(flow_run)["state"]["message"]
    )
    time.sleep(5)
    assert prefect.state(flow_run) == "CRASHED"
    # On a slow machine the deadline, which counts from the start of the job run, may come before the flow begins.
    assert (marker.read_text() if marker.exists() else "x") == "x"


@pytest.mark.parametrize(
    ("job_variables", "words"),
    [
        ({"project_id": None}, "project_id"),
        ({"project_id": "elsewhere"}, "check project_id"),
        ({"credentials": {"api_token": "wrong"}}, "valid API token"),
        ({"runtime_environment": {"X": "${SECRET}"}}, "expand_templates"),
        ({"billing_gpu_enabled": True}, "billing_gpu_type"),
        ({"deployment_internal_branch": "main"}, "deployment_internal_id is missing"),
        (
            {"credentials": {"api_token": "x", "base_url": "https://northflank.invalid"}},
            "prefect_api_url",
        ),
    ],
)
def test_what_cannot_work_crashes_and_names_the_remedy(served, prefect, job_variables, words):
    flow_run = prefect.trigger(served.deploy("hello", **job_variables))
    ended = prefect.wait_for(flow_run)

    assert ended["state_type"] == "CRASHED"
    assert words in ended["state"]["message"]
    assert not jobs_of(served, flow_run)
