"""Build services and builds: how a job comes to the image it runs, and what is said where it does not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from northflank_emulator import Pace, Role

pytestmark = pytest.mark.slow
PROJECT = "/v1/projects/demo"
SERVICES = f"{PROJECT}/services"
SERVICE = {
    "name": "Flows",
    "billing": {"buildPlan": "nf-compute-400-16"},
    "vcsData": {"projectUrl": "https://github.com/acme/flows", "projectType": "github"},
    "buildSettings": {"dockerfile": {"dockerFilePath": "/Dockerfile", "dockerWorkDir": "/"}},
}


@pytest.fixture
def it(stage):
    """Return an emulator with a build service whose builds take no time."""
    made = stage(outcomes=[], pace=Pace(build=0.0))
    made.emulator.call("POST", f"{SERVICES}/build", SERVICE)
    return made


def job_of(it, **internal: object):
    """Create a job that deploys a build service, and return the answer."""
    body = {
        "name": "the-job",
        "billing": {"deploymentPlan": "nf-compute-20"},
        "deployment": {
            "internal": internal,
            "docker": {"configType": "customCommand", "customCommand": "sh -c 'echo $MADE_BY'"},
        },
    }
    return it.client.put(f"{PROJECT}/jobs", json=body)


def build(it, until, **asked: object):
    """Return a build of the service after it has ended."""
    path = f"{SERVICES}/flows/build"
    made = it.emulator.call("POST", path, asked)["id"]
    return until(lambda: it.emulator.call("GET", f"{path}/{made}"), lambda seen: seen["concluded"])


def refusal(response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["message"]


def test_a_build_service_is_made_changed_listed_and_deleted(it):
    call = it.emulator.call

    call("PATCH", f"{SERVICES}/build/flows", {"vcsData": {"projectUrl": "https://x.org/a/b"}})
    call("PUT", f"{SERVICES}/build", {**SERVICE, "name": "other"})

    read = call("GET", f"{SERVICES}/flows")
    assert (read["serviceType"], read["vcsData"]["projectUrl"]) == ("build", "https://x.org/a/b")
    assert read["vcsData"]["projectType"] == "github"
    assert [one["id"] for one in call("GET", SERVICES)["services"]] == ["flows", "other"]
    assert [one["id"] for one in call("GET", PROJECT)["services"]] == ["flows", "other"]
    again = it.client.post(f"{SERVICES}/build", json=SERVICE)
    assert refusal(again) == (
        409, "There is already a service with the same derived identifier 'flows'",
    )  # fmt: skip
    call("DELETE", f"{SERVICES}/other")
    assert it.get(f"{SERVICES}/other").status_code == 404


def test_what_a_service_gives_to_its_builds_is_not_shown(it):
    secret = {"buildArguments": {"TOKEN": "s3cret"}}

    it.emulator.call("PATCH", f"{SERVICES}/build/flows", secret)

    assert "s3cret" not in it.get(f"{SERVICES}/flows").text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "branch is required (or pullRequestId)"),
        ({"branch": "main", "pullRequestId": 7}, "takes only one of branch, pullRequestId"),
        ({"pullRequestId": []}, "must be a whole number or must be a string"),
        ({"branch": "main", "sha": "abc"}, "sha must have at least 40 characters"),
    ],
)
def test_a_service_has_to_be_told_what_to_build(it, body, said):
    status, message = refusal(it.client.post(f"{SERVICES}/flows/build", json=body))

    assert status == 400
    assert said in message


def test_a_service_without_a_repository_is_refused(it):
    body = {name: value for name, value in SERVICE.items() if name != "vcsData"}

    status, message = refusal(it.client.post(f"{SERVICES}/build", json={**body, "name": "x-y-z"}))

    assert (status, "vcsData is required" in message) == (400, True)


def test_a_job_runs_the_image_of_the_build_it_names(stage, until, tmp_path):
    images = tmp_path / "images.toml"
    shas = {branch: letter * 40 for branch, letter in (("main", "a"), ("next", "b"))}
    images.write_text(
        "".join(
            f'[[image]]\npattern = "registry.northflank.com/demo/flows:{sha}"\n'
            f'bin = "{Path(sys.executable).parent}"\nenv = {{ MADE_BY = "{branch}" }}\n'
            for branch, sha in shas.items()
        )
    )
    it = stage(images=images, pace=Pace(build=0.0))
    it.emulator.call("POST", f"{SERVICES}/build", SERVICE)
    built = {branch: build(it, until, branch=branch, sha=sha) for branch, sha in shas.items()}

    said = {}
    for wanted in (
        {},
        {"branch": "main"},
        {"buildSHA": "latest"},
        {"buildSHA": shas["main"]},
        {"buildId": built["main"]["id"]},
    ):
        assert job_of(it, id="flows", **wanted).status_code == 200
        run = it.start()
        it.concluded(run)
        said[" ".join(wanted)] = it.log(run)[0].removeprefix("stdout F ")

    assert said == {
        "": "next", "branch": "main", "buildSHA": "main", "buildId": "main",
    }  # fmt: skip
    deployed = it.emulator.call("GET", f"{it.jobs}/the-job/deployment")["internal"]
    assert (deployed["nfObjectId"], deployed["nfObjectType"]) == ("flows", "service")


def test_a_service_named_at_the_start_has_an_image(stage):
    it = stage(outcomes=[], build_services=("build-service-abc123",))

    assert job_of(it, id="build-service-abc123", branch="main").status_code == 200

    assert it.concluded(it.start())["status"] == "SUCCESS"


def test_a_job_cannot_name_a_build_service_that_is_not_there(it):
    status, message = refusal(job_of(it, id="flwos"))

    assert status == 400
    assert message == (
        "Invalid request body: deployment.internal.id names 'flwos', which is not a build service of "
        "project 'demo'; create it with POST /v1/projects/demo/services/build"
    )


def test_a_job_whose_build_service_is_deleted_cannot_be_started(it):
    job_of(it, id="flows")
    it.emulator.call("DELETE", f"{SERVICES}/flows")

    status, message = refusal(it.client.post(f"{it.jobs}/the-job/runs", json={}))

    assert status == 400
    assert "not a build service" in message


@pytest.mark.parametrize(
    ("internal", "said", "branch"),
    [
        ({}, "build service 'flows' has no build;", "main"),
        ({"branch": "next"}, "build service 'flows' has no build of branch 'next';", "next"),
        ({"buildId": "456"}, "build service 'flows' has no build with the id '456';", "main"),
    ],
)
def test_a_start_without_a_build_says_how_to_make_one(it, internal, said, branch):
    job_of(it, id="flows", **internal)

    status, message = refusal(it.client.post(f"{it.jobs}/the-job/runs", json={}))

    remedy = f'POST /v1/projects/demo/services/flows/build with {{"branch": "{branch}"}}'
    assert status == 409
    assert message == f"Job 'the-job' cannot run: {said} start one with {remedy}"


def test_a_start_says_whether_the_build_goes_on_or_failed(stage):
    it = stage(outcomes=[], pace=Pace(build=600))
    it.emulator.call("POST", f"{SERVICES}/build", SERVICE)
    job_of(it, id="flows")
    made = it.emulator.call("POST", f"{SERVICES}/flows/build", {"branch": "main"})["id"]

    going_on = refusal(it.client.post(f"{it.jobs}/the-job/runs", json={}))
    it.emulator.call("DELETE", f"{SERVICES}/flows/build/{made}")
    aborted = refusal(it.client.post(f"{it.jobs}/the-job/runs", json={}))

    which = f"Job 'the-job' cannot run: build {made} of build service 'flows'"
    assert going_on == (409, f"{which} is in progress; run the job after it has succeeded")
    assert aborted[0] == 409
    assert aborted[1].startswith(f"{which} ended as ABORTED; start one with POST")


def test_a_reader_may_look_at_services_and_a_worker_needs_none(stage):
    it = stage(outcomes=[], tokens={"boss": Role.ADMIN, "eye": Role.READ_ONLY, "hand": Role.WORKER})

    seen = {
        token: it.get(SERVICES, headers={"authorization": f"Bearer {token}"}).status_code
        for token in ("eye", "hand")
    }

    assert seen == {"eye": 200, "hand": 403}


def test_a_project_with_build_services_is_not_deleted(it):
    status, message = refusal(it.client.delete(PROJECT))

    assert status == 409
    assert "build services" in message
