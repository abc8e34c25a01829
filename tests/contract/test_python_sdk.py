"""The vendor's Python SDK, which we did not write, takes the emulator for Northflank."""

from __future__ import annotations

import asyncio
import time

import pytest
from northflank.errors import ApiCallError
from northflank_emulator import Fault, FaultKind

from northflank import ApiClient, AsyncApiClient

pytestmark = pytest.mark.slow


def job(name: str, command: str = "true") -> dict[str, object]:
    return {
        "name": name,
        "billing": {"deploymentPlan": "nf-compute-20"},
        "deployment": {
            "external": {"imagePath": "example/image:1"},
            "docker": {"configType": "customCommand", "customCommand": command},
        },
        "settings": {"backoffLimit": 0},
    }


@pytest.fixture
def sdk(emulator):
    return ApiClient(api_token=emulator.token, base_url=emulator.base_url)


@pytest.fixture
def concluded(sdk, emulator):
    def wait(job_id: str, run_id: str):
        where = {"project_id": emulator.project, "job_id": job_id, "run_id": run_id}
        while not (run := sdk.get.job.run(**where).data)["concluded"]:
            time.sleep(0.05)
        return run

    return wait


def test_the_life_of_a_job(sdk, emulator, concluded):
    project = emulator.project
    created = sdk.create.job(project_id=project, data=job("py job", "sh -c 'echo $A'")).data
    sdk.put.job(project_id=project, data={**job("py job", "sh -c 'echo $A'"), "description": "b"})
    sdk.patch.job(project_id=project, job_id=created["id"], data={"description": "patched"})

    read = sdk.get.job(project_id=project, job_id="py-job").data
    run = sdk.start.job.run(
        project_id=project, job_id="py-job", data={"runtimeEnvironment": {"A": "hello"}}
    ).data

    assert read["description"] == "patched"
    assert concluded("py-job", run["id"])["status"] == "SUCCESS"
    containers = sdk.get.job.containers(project_id=project, job_id="py-job", run_id=run["id"]).data
    assert [it["status"] for it in containers["containers"]] == ["TASK_FINISHED"]
    sdk.delete.job(project_id=project, job_id="py-job")
    with pytest.raises(ApiCallError) as gone:
        sdk.get.job(project_id=project, job_id="py-job")
    assert gone.value.status == 404


def test_a_tail_gives_the_lines_as_they_come_and_ends_with_the_run(sdk, emulator):
    command = "python -u -c 'import time\nfor i in range(4): print(i); time.sleep(0.2)'"
    sdk.create.job(project_id=emulator.project, data=job("tail", command))
    run = sdk.start.job.run(project_id=emulator.project, job_id="tail", data={}).data

    with sdk.logs.tail_job_logs(
        project_id=emulator.project, job_id="tail", run_id=run["id"]
    ) as tail:
        lines = [line.log for line in tail]

    assert lines == [f"stdout F {number}" for number in range(4)]


def test_a_tail_with_a_wrong_token_is_refused(emulator):
    stranger = ApiClient(api_token="nobody", base_url=emulator.base_url)

    with pytest.raises(ApiCallError, match="token"):
        stranger.logs.tail_job_logs(project_id=emulator.project, job_id="any")


def test_an_aborted_run_is_concluded(sdk, emulator, concluded):
    sdk.create.job(project_id=emulator.project, data=job("endless", "sleep 600"))
    run = sdk.start.job.run(project_id=emulator.project, job_id="endless", data={}).data

    sdk.abort.job.run(project_id=emulator.project, job_id="endless", run_id=run["id"])

    assert concluded("endless", run["id"])["status"] == "FAILED"


def test_pages_are_followed_to_the_last(sdk, emulator):
    for index in range(250):
        emulator.call("POST", f"/v1/projects/{emulator.project}/jobs", job(f"many-{index}"))

    first = sdk.list.jobs(project_id=emulator.project, per_page=100)
    everything = sdk.list.jobs.all(project_id=emulator.project, per_page=100)

    assert first.pagination.count == 100
    assert len({it["id"] for it in everything.data["jobs"]}) == 250


def test_secret_groups_can_be_made_read_and_deleted(sdk, emulator):
    group = {
        "name": "py group",
        "secretType": "environment",
        "priority": 10,
        "secrets": {"variables": {"A": "1"}},
    }
    created = sdk.create.secret(project_id=emulator.project, data=group).data
    sdk.patch.secret(
        project_id=emulator.project,
        secret_id=created["id"],
        data={"secrets": {"variables": {"A": "2"}}},
    )

    read = sdk.get.secret(project_id=emulator.project, secret_id="py-group").data

    assert read["secrets"] == {"A": "2"}
    assert "secrets" not in created
    sdk.delete.secret(project_id=emulator.project, secret_id="py-group")
    assert sdk.list.secrets(project_id=emulator.project).data == {"secrets": []}


def test_a_build_service_builds_what_a_job_runs(sdk, emulator, concluded):
    where = {"project_id": emulator.project}
    service = {
        "name": "py flows",
        "billing": {},
        "vcsData": {"projectUrl": "https://github.com/acme/flows", "projectType": "github"},
        "buildSettings": {"dockerfile": {"dockerFilePath": "/Dockerfile", "dockerWorkDir": "/"}},
    }
    sdk.create.service.build(**where, data=service)
    sdk.start.service.build(**where, service_id="py-flows", data={"branch": "main"})
    while not sdk.get.service.builds(**where, service_id="py-flows").data["builds"][0]["concluded"]:
        time.sleep(0.05)
    deployment = job("any")["deployment"] | {"internal": {"id": "py-flows", "branch": "main"}}
    del deployment["external"]
    sdk.create.job(**where, data=job("built") | {"deployment": deployment})

    run = sdk.start.job.run(**where, job_id="built", data={}).data

    assert concluded("built", run["id"])["status"] == "SUCCESS"
    sdk.delete.service(**where, service_id="py-flows")
    assert sdk.list.services(**where).data == {"services": []}


def test_errors_carry_status_message_and_details(sdk, emulator):
    with pytest.raises(ApiCallError) as refused:
        sdk.create.job(project_id=emulator.project, data={**job("good"), "colour": "red"})

    assert refused.value.status == 400
    assert refused.value.details == {"colour": ["is not a known field"]}
    assert "colour" in refused.value.message


def test_the_sdk_repeats_a_start_whose_answer_was_lost(sdk, emulator):
    """Why the worker does not use the SDK: one start becomes two runs."""
    sdk.create.job(project_id=emulator.project, data=job("twice"))

    with emulator.fault(Fault(kind=FaultKind.DROP_AFTER, route="start.job.run", times=1)):
        sdk.start.job.run(project_id=emulator.project, job_id="twice", data={})

    runs = sdk.get.job.runs(project_id=emulator.project, job_id="twice").data["runs"]
    assert len(runs) == 2


def test_the_asynchronous_client_works_too(emulator):
    async def life() -> list[str]:
        client = AsyncApiClient(api_token=emulator.token, base_url=emulator.base_url)
        await client.create.job(project_id=emulator.project, data=job("async"))
        listed = await client.list.jobs(project_id=emulator.project)
        return [it["id"] for it in listed.data["jobs"]]

    assert asyncio.run(life()) == ["async"]


def test_team_calls_see_the_same_project(sdk, emulator):
    sdk.create.job(project_id=emulator.project, team_id="some-team", data=job("of team"))

    assert sdk.get.job(project_id=emulator.project, job_id="of-team").data["name"] == "of team"
