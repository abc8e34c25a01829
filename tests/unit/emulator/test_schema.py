"""How bodies are checked: every problem is named, with the field it is in."""

from __future__ import annotations

import pytest
from northflank_emulator.fields import job_fields
from northflank_emulator.fields.schema import check


def problems(rule, value) -> dict[str, str]:
    return {it.path: it.message for it in check(rule, value)}


JOB = {
    "name": "My job",
    "billing": {"deploymentPlan": "nf-compute-20"},
    "deployment": {"external": {"imagePath": "prefecthq/prefect:3-python3.12"}},
    "settings": {"backoffLimit": 0, "activeDeadlineSeconds": None},
}


def test_a_good_job_has_no_problems():
    assert problems(job_fields.CREATE_JOB, JOB) == {}


def test_all_problems_are_told_at_once_with_their_paths():
    body = {
        "name": "1",
        "colour": "red",
        "deployment": {"external": {"imagePath": "nginx"}, "storage": {"shmSize": 1}},
        "settings": {"backoffLimit": True},
    }

    found = problems(job_fields.CREATE_JOB, body)

    assert set(found) == {
        "name",
        "colour",
        "billing",
        "deployment.external.imagePath",
        "deployment.storage.shmSize",
        "settings.backoffLimit",
    }
    assert found["colour"] == "is not a known field"
    assert found["billing"] == "is required"


@pytest.mark.parametrize(
    "name",
    ["a b", "My App 2", "prefect-07db3792-88ef-4719-9ee0-0da0dedca33b", "abc", "a" * 52],
)
def test_names_the_documentation_allows(name):
    assert problems(job_fields.CREATE_JOB, {**JOB, "name": name}) == {}


@pytest.mark.parametrize(
    "name",
    ["ab", "a" * 53, "1abc", "a_b", "a.b", "a:b", "a--b", "a  b", "-abc", "abc-", "abc\n", "äbc"],
)
def test_names_the_documentation_refuses(name):
    assert "name" in problems(job_fields.CREATE_JOB, {**JOB, "name": name})


@pytest.mark.parametrize(
    "image",
    [
        "nginx:latest",
        "prefecthq/prefect:3-python3.12",
        "ghcr.io/acme/flows:1.2",
        "ghcr.io/acme/flows@sha256:0123456789abcdef",
        "https://registry.example.com/v1/a/b:c",
        "localhost.localdomain/a:1",
    ],
)
def test_images_the_documentation_allows(image):
    body = {**JOB, "deployment": {"external": {"imagePath": image}}}

    assert problems(job_fields.CREATE_JOB, body) == {}


@pytest.mark.parametrize("image", ["nginx", "", "a b:1", "ghcr.io/acme/flows", "a:1\n"])
def test_images_the_documentation_refuses(image):
    body = {**JOB, "deployment": {"external": {"imagePath": image}}}

    assert "deployment.external.imagePath" in problems(job_fields.CREATE_JOB, body)


@pytest.mark.parametrize("text", ["", "a < b", "{x}", "a@b", "a+b", "50 #", "a=b", "~", "x" * 201])
def test_descriptions_the_documentation_refuses(text):
    assert "description" in problems(job_fields.CREATE_JOB, {**JOB, "description": text})


def test_only_one_source_can_be_deployed():
    deployment = {"external": {"imagePath": "a:1"}, "internal": {"id": "abc"}}

    found = problems(job_fields.CREATE_JOB, {**JOB, "deployment": deployment})

    assert found == {"deployment": "takes only one of external, internal"}


@pytest.mark.parametrize(("seconds", "good"), [(14, False), (15, True), (600, True), (601, False)])
def test_the_grace_period_has_limits(seconds, good):
    body = {**JOB, "deployment": {"gracePeriodSeconds": seconds}}

    assert (problems(job_fields.CREATE_JOB, body) == {}) is good


def test_the_command_that_the_type_names_must_be_there():
    docker = {"configType": "customEntrypointCustomCommand", "customCommand": "a"}

    found = problems(job_fields.DOCKER, docker)

    assert found == {
        "customEntrypoint": "is required when configType is customEntrypointCustomCommand"
    }


def test_a_patch_requires_nothing_and_takes_no_name_and_no_deployment():
    assert problems(job_fields.PATCH_JOB, {}) == {}
    assert set(problems(job_fields.PATCH_JOB, {"name": "abc", "deployment": {}})) == {
        "name",
        "deployment",
    }


def test_a_run_takes_overrides_but_no_settings():
    good = {"runtimeEnvironment": {"A": "b"}, "billing": {"deploymentPlan": "nf-compute-10"}}

    assert problems(job_fields.START_RUN, good) == {}
    assert set(problems(job_fields.START_RUN, {"settings": {}, "tags": []})) == {"settings", "tags"}


@pytest.mark.parametrize("body", [None, [], "text", 1, True])
def test_a_body_that_is_not_an_object_is_a_problem_of_the_body(body):
    assert problems(job_fields.START_RUN, body) == {"body": "must be an object"}


def test_environment_values_are_strings():
    found = problems(job_fields.START_RUN, {"runtimeEnvironment": {"A": 1, "B C": "x"}})

    assert found["runtimeEnvironment.A"] == "must be a string"
    assert "the name must match" in found["runtimeEnvironment.B C"]
