"""The worker's client against the emulator alone: what is undocumented is met in every form."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from northflank_emulator import Emulator
from northflank_emulator.settings import Pace, Settings
from northflank_emulator.state.permissions import Role
from prefect_northflank.api.access import Access
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import Project
from prefect_northflank.api.retry import LongRetry
from prefect_northflank.errors import BuildFailed, NotBuilt, Rejected
from prefect_northflank.job.definition import Subject, request_for
from prefect_northflank.job.variables import NorthflankVariables
from prefect_northflank.logs.stream import Streams
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.start.secret_groups import SecretGroups
from prefect_northflank.start.start_once import JobStarter

from tests.live.facts import RELIED_ON
from tests.support.emulator_choices import SWITCHES, turned

pytestmark = pytest.mark.slow
EXAMPLE = Path(__file__).parents[3] / "examples" / "northflank" / "prefect.yaml"
P = Project(id="demo")
SERVICES = "/v1/projects/demo/services"
SERVICE = {
    "name": "flows-image",
    "billing": {},
    "vcsData": {"projectUrl": "https://github.com/acme/flows", "projectType": "github"},
    "buildSettings": {"dockerfile": {"dockerFilePath": "/Dockerfile", "dockerWorkDir": "/"}},
}
OF_SERVICE = {"deployment_internal_id": "flows-image", "deployment_internal_branch": "main"}
PATIENCE = LongRetry(max_seconds=30, report=print)
NO_PATIENCE = LongRetry(max_seconds=0, report=print)


@pytest.fixture(params=[False, True], ids=["one way", "the other way"])
def answers(request):
    """An emulator whose undocumented answers are all of the one or, as far as the worker can live with it, the other kind."""
    others = [name for name in SWITCHES if name.replace("_", "-") not in RELIED_ON]
    choices = turned(others if request.param else ())
    settings = Settings(
        rate_limit=None,
        choices=choices,
        pace=Pace(build=0.3),
        build_services=("flows-image",),
    )
    with Emulator(settings) as emulator:
        yield emulator


@pytest.fixture
def emulator():
    with Emulator(Settings(rate_limit=None, pace=Pace(build=0.3))) as made:
        yield made


def request(*, command="sleep 60", tags=(), **variables):
    subject = Subject(
        flow_run_id=uuid4(),
        name="any name",
        command=command,
        env={"GREETING": "hello there"},
        labels={"prefect.io/flow-run-id": "x"},
        submission_id="c0de",
        lasting_name="flow-prod",
        lasting_pool="p1",
        lasting_served="d1",
        tags=tags,
    )
    return request_for(subject, NorthflankVariables(**variables))


async def nothing_claimed():
    return ()


async def short_sleep(seconds):
    await asyncio.sleep(min(seconds, 0.1))


def with_client(emulator, scenario):
    async def run():
        access = Access(token=emulator.token, base_url=emulator.base_url)
        async with NorthflankClient(access) as client:
            return await scenario(client, JobStarter(client.without_waiting(), sleep=short_sleep))

    return asyncio.run(run())


async def concluded(client, job, run):
    for _ in range(600):
        seen = await client.run(P, job, run)
        if seen.concluded:
            break
        await asyncio.sleep(0.1)
    return seen


def test_an_aborted_run_is_over_whatever_its_status_says(answers):
    async def scenario(client, starter):
        asked = request()
        run = await starter.start(P, asked, claimed=nothing_claimed, retry=PATIENCE)
        await client.abort_run(P, asked.name, run.id)
        return await asyncio.wait_for(concluded(client, asked.name, run.id), 60)

    assert with_client(answers, scenario).concluded


def test_environment_command_and_output_go_through(answers):
    async def scenario(client, starter):
        asked = request(command="sh -c 'echo one $GREETING; echo two >&2'")
        run = await starter.start(P, asked, claimed=nothing_claimed, retry=PATIENCE)
        await asyncio.wait_for(concluded(client, asked.name, run.id), 60)
        return [line.text for line in await client.log_lines(P, asked.name, run.id, last=10)]

    assert sorted(with_client(answers, scenario)) == ["one hello there", "two"]


FLOOD = """python3 -c "
import time
time.sleep(3)
print('x' * 5_000_000)
for number in range(20_000):
    print('line', number)
"
"""


def test_a_container_that_floods_its_log_is_copied_in_part_and_the_log_says_so(answers, caplog):
    async def scenario(client, starter):
        asked = request(command=FLOOD)
        run = await starter.start(P, asked, claimed=nothing_claimed, retry=PATIENCE)
        access = Access(token=answers.token, base_url=answers.base_url)
        pid = InfrastructurePid(project=P, job=asked.name, run=run.id)
        async with Streams().of(lambda: access, pid, logger=logging.getLogger("flood")):
            await asyncio.wait_for(concluded(client, asked.name, run.id), 60)
        return pid

    with caplog.at_level(logging.INFO, logger="flood"):
        pid = with_client(answers, scenario)

    copied = [record.getMessage() for record in caplog.records if record.name == "flood"]
    assert 900 < len(copied) < 1100
    assert sum(map(len, copied)) < 50_000
    assert f"(4,992,000 more characters: Northflank's log of job run {pid.run}" in copied[0]
    assert copied[1:3] == ["line 0", "line 1"]
    assert "are left out here" in copied[-1]
    assert pid.job in copied[-1]


@pytest.mark.parametrize("cleanup_job", [True, False])
def test_a_repository_is_built_before_its_job_is_started(answers, cleanup_job):
    async def scenario(client, starter):
        asked = request(
            command="true",
            cleanup_job=cleanup_job,
            deployment_vcs_project_url="https://github.com/acme/flows",
            deployment_vcs_project_type="github",
            deployment_vcs_project_branch="main",
        )
        run = await starter.start(P, asked, claimed=nothing_claimed, retry=PATIENCE)
        return [build.success async for build in client.builds(P, asked.name)], run.id

    builds, run = with_client(answers, scenario)
    assert builds == [True]
    assert run


@pytest.mark.parametrize("cleanup_job", [True, False])
def test_a_build_service_is_run_once_it_has_built(emulator, cleanup_job):
    asked = request(command="true", cleanup_job=cleanup_job, **OF_SERVICE)

    async def start(client, starter):
        return await starter.start(P, asked, claimed=nothing_claimed, retry=NO_PATIENCE)

    with pytest.raises(Rejected) as unknown:
        with_client(emulator, start)
    emulator.call("POST", f"{SERVICES}/build", SERVICE)
    with pytest.raises(NotBuilt) as unbuilt:
        with_client(emulator, start)
    emulator.call("POST", f"{SERVICES}/flows-image/build", {"branch": "main"})
    _wait_until_built(emulator)

    assert with_client(emulator, start).id
    assert "deployment.internal.id names 'flows-image', which is not a build service" in str(
        unknown.value
    )
    assert "build service 'flows-image' has no build of branch 'main'" in str(unbuilt.value)
    assert "correct deployment_internal_id, deployment_internal_branch" in str(unbuilt.value)
    assert "rename" not in str(unbuilt.value)


def _wait_until_built(emulator):
    for _ in range(600):
        builds = emulator.call("GET", f"{SERVICES}/flows-image/build")["builds"]
        if builds[0]["success"]:
            return
        time.sleep(0.1)
    pytest.fail("the build does not end")


def test_a_repository_whose_build_ended_otherwise_is_not_started(emulator):
    async def scenario(client, starter):
        asked = request(
            deployment_vcs_project_url="https://github.com/acme/flows",
            deployment_vcs_project_type="github",
            deployment_vcs_project_branch="main",
        )
        await client.put_job(P, asked.body)
        build = await client.start_build(P, asked.name)
        emulator.call("DELETE", f"/v1/projects/demo/jobs/{asked.name}/build/{build.id}")
        await starter.start(P, asked, claimed=nothing_claimed, retry=NO_PATIENCE)

    with pytest.raises(BuildFailed, match="ended as ABORTED"):
        with_client(emulator, scenario)


def test_a_lasting_job_is_one_job_for_many_runs(answers):
    async def scenario(client, starter):
        asked = [request(command=f"echo {number}", cleanup_job=False) for number in range(3)]
        runs = [await starter.start(P, it, claimed=nothing_claimed, retry=PATIENCE) for it in asked]
        jobs = [job.id async for job in client.jobs(P)]
        return jobs, {run.id async for run in client.runs(P, asked[0].name)} == {
            run.id for run in runs
        }

    jobs, all_there = with_client(answers, scenario)
    assert len(jobs) == 1
    assert all_there


def test_a_run_that_lacks_its_tag_names_the_permission_and_no_job_variable():
    settings = Settings(rate_limit=None, tokens={"t": Role.WORKER})

    async def scenario(client, starter):
        groups = SecretGroups(client)
        secret = {"PREFECT_API_KEY": "pnu_1"}
        tag = await groups.tag_for(P, pool="nf", secret=secret, identity="https://p/api")
        asked = request(tags=[tag])
        with pytest.raises(Rejected) as refused:
            await starter.start(P, asked, claimed=nothing_claimed, retry=NO_PATIENCE)
        return groups.reason_for(refused.value, P, tags=asked.tags)

    with Emulator(settings) as emulator:
        reason = str(with_client(emulator, scenario))
    assert "lacks the permission 'Account > Platform > Tags > Create'" in reason
    assert "job variable" not in reason


def test_only_jobs_with_the_tag_inherit_the_secret(answers):
    async def scenario(client, starter):
        groups = SecretGroups(client)
        secret = {"PREFECT_API_KEY": "pnu_1"}
        tag = await groups.tag_for(P, pool="nf", secret=secret, identity="")
        said = []
        for tags in ((tag,), ()):
            asked = request(command="sh -c 'echo key=$PREFECT_API_KEY'", tags=tags)
            run = await starter.start(P, asked, claimed=nothing_claimed, retry=PATIENCE)
            await asyncio.wait_for(concluded(client, asked.name, run.id), 60)
            said += [line.text for line in await client.log_lines(P, asked.name, run.id, last=5)]
        return said

    assert with_client(answers, scenario) == ["key=pnu_1", "key="]


def test_every_variable_makes_a_job_northflank_accepts(answers):
    async def scenario(client, starter):
        await client.create_tag({"name": "etl", "color": "#2D6DF6"}, team=None)
        asked = request(
            tags=["etl"],
            description="odd {characters} & <more>",
            infrastructure_architecture="x86",
            billing_deployment_plan="nf-compute-100-2",
            deployment_external_image_path="ghcr.io/acme/flows:1.2",
            deployment_docker_custom_entrypoint="sh -c",
            deployment_storage_ephemeral_storage_size=2048,
            deployment_storage_shm_size=128,
            deployment_grace_period_seconds=30,
            runtime_files={"/etc/app.conf": "a=1"},
            settings_active_deadline_seconds=None,
            settings_run_on_source_change="never",
            health_checks=[
                {
                    "protocol": "CMD",
                    "type": "livenessProbe",
                    "cmd": "true",
                    "initialDelaySeconds": 10,
                    "periodSeconds": 60,
                    "timeoutSeconds": 1,
                    "failureThreshold": 3,
                }
            ],
        )
        return await client.put_job(P, asked.body)

    assert with_client(answers, scenario).job_type == "manual"


def test_each_deployment_of_the_example_makes_a_job_northflank_accepts(answers):
    asked = [
        request(**variables | {"project_id": "demo", "credentials": None})
        for variables in (
            it["work_pool"]["job_variables"]
            for it in yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["deployments"]
        )
    ]

    async def scenario(client, _):
        return [(await client.put_job(P, it.body)).name for it in asked]

    assert with_client(answers, scenario) == [it.name for it in asked]
    assert [it.lasting for it in asked] == [False, True, False, True, False]
