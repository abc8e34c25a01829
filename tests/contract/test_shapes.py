"""Every answer has the shape that the vendor's SDK declares for it: its typed dictionaries decide."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from northflank import _types as shapes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ids(northflank):
    """Create a job, a run and a secret group, and return their ids by the placeholders below."""
    job = northflank.job("shape", "python -c 'print(1)'")
    run = northflank.run(job)
    northflank.concluded(job, run)
    group = {
        "name": northflank.name("shape"),
        "secretType": "environment",
        "priority": 1,
        # Restricted to no job: on the real Northflank an unrestricted group would reach every job.
        "restrictions": {"restricted": True},
        "secrets": {"variables": {"A": "1"}},
    }
    secret = northflank.call("POST", "/secrets", json=group)["data"]["id"]
    return {"job": job, "run": run, "secret": secret}


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/jobs", shapes.ListJobsResponse),
        ("/jobs/{job}", shapes.GetJobResponse),
        ("/jobs/{job}/deployment", shapes.GetJobDeploymentResponseExternal),
        ("/jobs/{job}/runs", shapes.GetJobRunsResponse),
        ("/jobs/{job}/runs/{run}", shapes.GetJobRunResponse),
        ("/jobs/{job}/containers?runId={run}", shapes.GetJobContainersResponse),
        ("/jobs/{job}/runtime-environment", shapes.GetJobRuntimeEnvironmentResponse),
        ("/jobs/{job}/build", shapes.GetJobBuildsResponse),
        ("/jobs/{job}/health-checks", shapes.GetJobHealthChecksResponse),
        ("/secrets", shapes.ListSecretsResponse),
        ("/secrets/{secret}", shapes.GetSecretResponse),
        ("/secrets/{secret}/details", shapes.GetSecretDetailsResponse),
        ("", shapes.GetProjectResponse),
    ],
)
def test_what_is_read_has_the_declared_shape(northflank, ids, path, shape):
    answer = northflank.call("GET", path.format(**ids))["data"]

    TypeAdapter(shape).validate_python(answer, strict=True)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/plans", shapes.ListPlansResponse),
        ("/v1/regions", shapes.ListRegionsResponse),
        ("/v1/auth", shapes.GetAuthResponse),
        ("/v1/projects", shapes.ListProjectsResponse),
        ("/v1/tags", shapes.ListTagsResponse),
        ("/v1/integrations/registries", shapes.ListRegistryCredentialsResponse),
        ("/v1/integrations/notifications", shapes.ListNotificationsResponse),
    ],
)
def test_what_the_account_has_is_of_the_declared_shape(northflank, path, shape):
    response = northflank.client.get(path)

    assert response.status_code == 200
    TypeAdapter(shape).validate_python(response.json()["data"], strict=True)


def test_what_is_made_has_the_declared_shape(northflank):
    body = northflank.job_body(northflank.name("shape"))
    created = northflank.call("POST", "/jobs", json=body)["data"]
    started = northflank.call("POST", f"/jobs/{created['id']}/runs", json={})["data"]

    # The SDK declares "cron" for every job that `/jobs` makes, which its own documentation denies.
    TypeAdapter(shapes.CreateJobResponse).validate_python(
        {**created, "jobType": "cron"}, strict=True
    )
    TypeAdapter(shapes.StartJobRunResponse).validate_python(started, strict=True)
    assert started.keys() == {"id", "runName"}


def test_the_account_things_that_are_made_have_the_declared_shape(emulator):
    """On the emulator only: a test must not create tags, registries and hooks in a real account."""
    tag = emulator.call("POST", "/v1/tags", {"name": "a-tag", "color": "#00aaff"})
    registry = emulator.call(
        "POST",
        "/v1/integrations/registries",
        {
            "name": "a-registry",
            "provider": "dockerhub",
            "credentials": {"username": "me", "password": "s3cret", "scope": {"pull": True}},
        },
    )
    hook = emulator.call(
        "POST",
        "/v1/integrations/notifications",
        {"name": "a hook", "type": "RAW_WEBHOOK", "webhook": "http://127.0.0.1:9/", "events": {}},
    )

    TypeAdapter(shapes.AddTagResponse).validate_python(tag, strict=True)
    TypeAdapter(shapes.AddRegistryCredentialsResponse).validate_python(registry, strict=True)
    TypeAdapter(shapes.CreateNotificationResponse).validate_python(hook, strict=True)
    assert "s3cret" not in str(registry)


def test_a_build_service_and_its_builds_have_the_declared_shape(emulator):
    """On the emulator only: the real one would build a repository."""
    project = f"/v1/projects/{emulator.project}"
    body = {
        "name": "flows",
        "billing": {"buildPlan": "nf-compute-400-16"},
        "vcsData": {"projectUrl": "https://github.com/acme/flows", "projectType": "github"},
        "buildSettings": {"dockerfile": {"dockerFilePath": "/Dockerfile", "dockerWorkDir": "/"}},
    }
    created = emulator.call("POST", f"{project}/services/build", body)
    started = emulator.call("POST", f"{project}/services/flows/build", {"branch": "main"})
    of_pull_request = emulator.call("POST", f"{project}/services/flows/build", {"pullRequestId": 7})
    job = {
        "name": "the-job",
        "billing": {"deploymentPlan": "nf-compute-20"},
        "deployment": {"internal": {"id": "flows"}},
    }
    emulator.call("POST", f"{project}/jobs", job)

    for answer, shape in (
        (created, shapes.CreateServiceBuildResponse),
        (started, shapes.StartJobBuildResponse),
        (of_pull_request, shapes.StartJobBuildResponse),
        (emulator.call("GET", f"{project}/services"), shapes.ListServicesResponse),
        (emulator.call("GET", f"{project}/services/flows"), shapes.GetServiceResponseBuild),
        (emulator.call("GET", f"{project}/services/flows/build"), shapes.GetJobBuildsResponse),
        (
            emulator.call("GET", f"{project}/jobs/the-job/deployment"),
            shapes.GetJobDeploymentResponseInternal,
        ),
        (emulator.call("GET", project), shapes.GetProjectResponse),
    ):
        TypeAdapter(shape).validate_python(answer, strict=True)
