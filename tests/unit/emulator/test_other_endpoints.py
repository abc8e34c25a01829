"""The endpoints that the worker does not need: older job endpoints, account items, projects, metrics."""

from __future__ import annotations

import pytest
from northflank_emulator import Outcome

pytestmark = pytest.mark.slow
PROJECT = "/v1/projects/demo"
JOB = f"{PROJECT}/jobs/the-job"


@pytest.fixture
def it(stage):
    made = stage(outcomes=[Outcome()])
    made.job()
    return made


def call(it, method: str, path: str, body: object = None):
    return it.emulator.call(method, path, body)


def refused(it, method: str, path: str, body: object = None) -> int:
    return it.client.request(method, path, json=body).status_code


def cron_job(it, **fields: object):
    body = {
        "name": "nightly",
        "billing": {"deploymentPlan": "nf-compute-20"},
        "deployment": {"external": {"imagePath": "a/b:c"}},
        "backoffLimit": 0,
        "schedule": "0 3 * * *",
        "concurrencyPolicy": "forbid",
        **fields,
    }
    return call(it, "POST", f"{PROJECT}/jobs/cron", body)


def test_a_cron_job_shows_its_schedule_at_the_top_where_it_was_sent_there(it):
    made = cron_job(it)

    assert (made["jobType"], made["schedule"]) == ("cron", "0 3 * * *")
    read = call(it, "GET", f"{PROJECT}/jobs/nightly")
    assert read["settings"]["cron"] == {"schedule": "0 3 * * *", "concurrencyPolicy": "Forbid"}
    assert read["suspended"] is False


def test_a_schedule_that_is_none_is_refused(it):
    body = {"settings": {"backoffLimit": 0, "cron": {"schedule": "every night"}}}

    assert refused(it, "PATCH", JOB, body) == 400


def test_a_cron_job_can_be_suspended_and_continued(it):
    cron_job(it)
    path = f"{PROJECT}/jobs/nightly"

    call(it, "POST", f"{path}/suspend", {})
    assert call(it, "GET", path)["suspended"] is True
    assert refused(it, "POST", f"{path}/suspend", {}) == 409
    call(it, "POST", f"{path}/suspend", {"suspended": False})

    assert call(it, "GET", path)["suspended"] is False


def test_a_manual_job_has_nothing_to_suspend(it):
    assert refused(it, "POST", f"{JOB}/suspend", {}) == 409


def test_a_paused_job_takes_no_runs_until_it_is_resumed(it):
    call(it, "POST", f"{JOB}/pause")
    assert refused(it, "POST", f"{JOB}/runs", {}) == 409

    call(it, "POST", f"{JOB}/resume", {"disabledCI": True})

    assert refused(it, "POST", f"{JOB}/runs", {}) == 200
    assert call(it, "GET", JOB)["disabledCI"] is True


def test_the_type_of_a_job_cannot_be_changed(it):
    cron_job(it)
    body = {"name": "nightly", "billing": {"deploymentPlan": "nf-compute-20"}, "backoffLimit": 0}

    assert refused(it, "PUT", f"{PROJECT}/jobs/manual", body) == 409


def test_older_endpoints_change_their_part_of_a_job(it):
    check = {
        "protocol": "HTTP",
        "type": "livenessProbe",
        "initialDelaySeconds": 1,
        "periodSeconds": 10,
        "timeoutSeconds": 1,
        "failureThreshold": 3,
    }
    call(it, "POST", f"{JOB}/settings", {"backoffLimit": 4, "activeDeadlineSeconds": 60})
    call(it, "POST", f"{JOB}/scale", {"deploymentPlan": "nf-compute-100-2"})
    call(it, "POST", f"{JOB}/health-checks", {"healthChecks": [check]})
    call(it, "POST", f"{JOB}/build-arguments", {"buildArguments": {"A": "1"}})
    call(it, "POST", f"{JOB}/deployment", {"external": {"imagePath": "new/image:2"}})

    read = call(it, "GET", JOB)
    assert (read["settings"]["backoffLimit"], read["settings"]["activeDeadlineSeconds"]) == (4, 60)
    assert read["billing"] == {"deploymentPlan": "nf-compute-100-2"}
    assert call(it, "GET", f"{JOB}/health-checks") == {"healthChecks": [check]}
    assert call(it, "GET", f"{JOB}/build-arguments")["buildArguments"] == {"A": "1"}
    assert call(it, "GET", f"{JOB}/deployment")["external"]["imagePath"] == "new/image:2"


def test_details_say_what_is_inherited(it):
    group = {
        "name": "group",
        "secretType": "environment-arguments",
        "priority": 1,
        "secrets": {"variables": {"A": "1"}},
    }
    call(it, "PUT", f"{PROJECT}/secrets", group)
    call(it, "POST", f"{JOB}/runtime-environment", {"runtimeEnvironment": {"B": "2"}})

    details = call(it, "GET", f"{JOB}/runtime-environment/details")["runtimeEnvironment"]

    assert {name: entry["inherited"] for name, entry in details.items()} == {"A": True, "B": False}


def test_a_secret_group_that_exists_is_a_conflict_for_post_and_an_update_for_put(it):
    group = {"name": "a group", "secretType": "environment", "priority": 1}
    call(it, "POST", f"{PROJECT}/secrets", group)

    assert refused(it, "POST", f"{PROJECT}/secrets", group) == 409
    assert call(it, "PUT", f"{PROJECT}/secrets", {**group, "priority": 9})["priority"] == 9


@pytest.mark.parametrize(
    ("path", "body", "patch"),
    [
        ("/v1/tags", {"name": "a-tag"}, {"color": "#ff0000"}),
        (
            "/v1/integrations/registries",
            {"name": "a-registry", "provider": "github"},
            {"registryUrl": "ghcr.io"},
        ),
    ],
)
def test_tags_and_registries_are_made_changed_and_deleted(it, path, body, patch):
    key = call(it, "POST", path, body)["id"]
    assert refused(it, "POST", path, body) == 409

    changed = call(it, "PATCH", f"{path}/{key}", patch)

    assert changed.items() >= patch.items()
    assert call(it, "GET", f"{path}/{key}") == changed
    call(it, "DELETE", f"{path}/{key}")
    assert refused(it, "GET", f"{path}/{key}") == 404


def test_a_job_may_name_tags_and_registries_that_exist(it):
    call(it, "POST", "/v1/tags", {"name": "a-tag"})
    call(it, "POST", "/v1/integrations/registries", {"name": "mine", "provider": "github"})
    image = {"imagePath": "a/b:c", "credentials": "mine"}
    body = {
        "name": "tagged",
        "tags": ["a-tag"],
        "billing": {"deploymentPlan": "nf-compute-20"},
        "deployment": {"external": image},
    }

    made = call(it, "POST", f"{PROJECT}/jobs", body)

    assert made["tags"] == ["a-tag"]
    assert call(it, "GET", f"{PROJECT}/jobs/tagged/deployment")["external"]["privateImage"] is True
    for wrong in (
        {"tags": ["nobodys"]},
        {"billing": {"deploymentPlan": "nf-compute-7"}},
        {"deployment": {"external": {**image, "credentials": "nobodys"}}},
    ):
        assert refused(it, "PUT", f"{PROJECT}/jobs", {**body, **wrong}) == 400


def test_projects_are_made_and_deleted_when_empty(it):
    assert call(it, "POST", "/v1/projects", {"name": "New One"})["id"] == "new-one"
    assert [project["id"] for project in call(it, "GET", "/v1/projects")["projects"]] == [
        "demo",
        "new-one",
    ]
    assert [job["id"] for job in call(it, "GET", PROJECT)["jobs"]] == ["the-job"]

    call(it, "DELETE", "/v1/projects/new-one")

    assert refused(it, "GET", "/v1/projects/new-one/jobs") == 404
    assert refused(it, "DELETE", PROJECT) == 409


def test_a_project_is_made_in_a_region_that_there_is(it):
    made = call(it, "POST", "/v1/projects", {"name": "zurich", "region": "europe-west-zurich"})
    response = it.client.post("/v1/projects", json={"name": "typo", "region": "us-east"})

    assert made["deployment"]["region"] == "europe-west-zurich"
    assert response.status_code == 400
    assert "'us-east', which is not a region; see GET /v1/regions" in response.text


def test_metrics_show_what_a_container_uses(stage, until):
    it = stage()
    it.job(command="python -c 'import time; x = bytearray(60 * 1024 * 1024); time.sleep(60)'")
    run = it.start()
    path = f"{JOB}/metrics?runId={run}&metricTypes=memory&queryType=single"

    values = until(
        lambda: [v["data"][0]["value"] for v in call(it, "GET", path)["memory"]["values"]],
        lambda seen: bool(seen) and seen[0] > 60,
    )

    assert values[0] < 512


def test_a_method_a_path_does_not_have_is_told_apart_from_a_missing_path(it):
    assert refused(it, "DELETE", f"{JOB}/runs") == 405
    assert refused(it, "GET", f"{JOB}/nothing") == 404


@pytest.mark.parametrize(
    "body", [b"{", b"[1]", b'"x"', b"\xff", b'{"a": NaN}', b'{"a": "\\ud800"}', b"[" * 100_000]
)
def test_a_body_that_is_not_a_json_object_is_refused(it, body):
    response = it.client.post(f"{JOB}/runs", content=body)

    assert response.status_code == 400
    assert response.json()["error"]["message"]


def test_a_body_that_is_too_large_is_refused(it):
    response = it.client.post(f"{JOB}/runs", content=b" " * (11 * 1024 * 1024))

    assert response.status_code == 413
