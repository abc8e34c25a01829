"""What Northflank promises about jobs; runs on the emulator, and on the real API when it is named."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow


def test_a_created_job_is_echoed_with_what_came_of_it(northflank):
    name = northflank.name("echo")

    job = northflank.call("POST", "/jobs", json=northflank.job_body(name))["data"]

    assert job["name"] == name
    assert job["id"] == name
    assert job["settings"]["backoffLimit"] == 0
    assert job["deployment"]["docker"]["customCommand"] == "true"
    assert job["cluster"]["id"]


def test_the_id_is_the_slug_of_the_name(northflank):
    name = northflank.name("slug").replace("-", " ").title()

    job = northflank.call("POST", "/jobs", json=northflank.job_body(name))["data"]

    assert job["id"] == name.lower().replace(" ", "-")


def test_put_creates_and_then_updates(northflank):
    body = northflank.job_body(northflank.name("put"))

    first = northflank.call("PUT", "/jobs", json=body)["data"]
    second = northflank.call("PUT", "/jobs", json={**body, "description": "updated"})["data"]

    assert first["id"] == second["id"]
    read = northflank.call("GET", f"/jobs/{first['id']}")["data"]
    assert read["description"] == "updated"


def test_a_single_job_shows_settings_but_no_environment(northflank):
    job = northflank.job("read", runtimeEnvironment={"TOKEN": "s3cret"})

    read = northflank.call("GET", f"/jobs/{job}")["data"]

    assert read["settings"]["activeDeadlineSeconds"] == 600
    assert read["billing"]["deploymentPlan"] == "nf-compute-10"
    assert "runtimeEnvironment" not in read
    assert "s3cret" not in str(read)


def test_the_deployment_endpoint_shows_the_image(northflank):
    job = northflank.job("image")

    deployment = northflank.call("GET", f"/jobs/{job}/deployment")["data"]

    assert deployment["external"]["imagePath"].endswith("python:3.12-slim")


def test_patch_changes_what_it_names_and_nothing_else(northflank):
    job = northflank.job("patch", description="before")

    northflank.call("PATCH", f"/jobs/{job}", json={"settings": {"backoffLimit": 2}})

    read = northflank.call("GET", f"/jobs/{job}")["data"]
    assert read["settings"]["backoffLimit"] == 2
    assert read["settings"]["activeDeadlineSeconds"] == 600
    assert read["description"] == "before"


def test_a_deleted_job_is_gone(northflank):
    job = northflank.job("delete")

    assert northflank.call("DELETE", f"/jobs/{job}") == {"data": {}}

    northflank.call("GET", f"/jobs/{job}", status=404)


@pytest.mark.parametrize(
    "name", ["1starts-with-digit", "under_score", "do--uble", "dot.ted", "x", "a" * 53, "trailing-"]
)
def test_a_bad_name_is_refused(northflank, name):
    body = northflank.job_body(name)

    error = northflank.call("POST", "/jobs", status=400, json=body)["error"]

    assert error["status"] == 400
    assert error["message"]


@pytest.mark.parametrize("image", ["nginx", "has space:1", ""])
def test_an_image_without_tag_or_digest_is_refused(northflank, image):
    body = northflank.job_body(northflank.name("image"))
    body["deployment"]["external"]["imagePath"] = image

    northflank.call("POST", "/jobs", status=400, json=body)


def test_a_job_needs_a_plan(northflank):
    body = northflank.job_body(northflank.name("plan"))
    del body["billing"]

    northflank.call("POST", "/jobs", status=400, json=body)


def test_a_custom_command_is_required_where_the_type_says_so(northflank):
    body = northflank.job_body(northflank.name("command"))
    del body["deployment"]["docker"]["customCommand"]

    northflank.call("POST", "/jobs", status=400, json=body)


def test_an_undefined_tag_is_refused(northflank):
    body = northflank.job_body(northflank.name("tag")) | {"tags": [northflank.name("nobody")]}

    northflank.call("POST", "/jobs", status=400, json=body)


def test_a_page_that_is_not_the_last_has_a_cursor(northflank):
    jobs = {northflank.job("page") for _ in range(3)}
    seen: set[str] = set()
    query = {"per_page": 2}

    while True:
        page = northflank.call("GET", "/jobs", params=query)
        seen |= {job["id"] for job in page["data"]["jobs"]}
        if not page["pagination"]["hasNextPage"]:
            break
        query = {"per_page": 2, "cursor": page["pagination"]["cursor"]}

    assert jobs <= seen
    assert "cursor" not in page["pagination"]


def test_every_answer_tells_what_is_left_of_the_rate_limit(northflank):
    response = northflank.client.get(f"{northflank.path}/jobs")

    assert int(response.headers["x-ratelimit-limit"]) >= int(
        response.headers["x-ratelimit-remaining"]
    )
    assert int(response.headers["x-ratelimit-reset"]) <= 3600


def test_a_wrong_token_is_refused(northflank):
    response = northflank.client.get(
        f"{northflank.path}/jobs", headers={"authorization": "Bearer nobody"}
    )

    assert response.status_code == 401
    assert response.json()["error"]["status"] == 401


def test_an_unknown_project_is_not_found(northflank):
    response = northflank.client.get("/v1/projects/no-such-project-here/jobs")

    assert response.status_code == 404
    assert response.json()["error"]["message"]


def test_plans_and_regions_need_no_token(northflank):
    for path, key in (("/v1/plans", "plans"), ("/v1/regions", "regions")):
        response = northflank.client.get(path, headers={"authorization": ""})
        assert response.status_code == 200
        assert response.json()["data"][key]


def test_regions_have_the_vendors_groups_and_providers(northflank):
    regions = {
        it["id"]: it for it in northflank.client.get("/v1/regions").json()["data"]["regions"]
    }

    assert len(regions) >= 16
    assert {it["regionName"] for it in regions.values()} == {"Americas", "Asia Pacific", "EMEA"}
    # Ashburn: its id is not the provider's.
    assert regions["us-east1"]["name"] == "US - East"
    assert regions["us-east1"]["provider"] == {"id": "gcp", "region": "us-east4"}


def test_a_paused_job_can_be_resumed_once(northflank):
    job = northflank.job("pause")

    northflank.call("POST", f"/jobs/{job}/pause")
    northflank.call("POST", f"/jobs/{job}/resume", json={})

    northflank.call("POST", f"/jobs/{job}/resume", status=409, json={})


def test_the_older_manual_endpoint_has_its_settings_at_the_top(northflank):
    body = northflank.job_body(northflank.name("manual"))
    body |= body.pop("settings")

    job = northflank.call("POST", "/jobs/manual", json=body)["data"]
    northflank.made.append(f"/jobs/{job['id']}")

    assert job["backoffLimit"] == 0
    assert job["jobType"] == "manual"
