"""Job variables in, the job Northflank is asked for out. The seed documents' examples are among them."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from prefect.client.schemas.objects import Flow, FlowRun
from prefect_northflank import (
    NorthflankJobConfiguration,
    NorthflankWorker,
    NorthflankWorkerVariables,
)
from prefect_northflank.errors import ConfigurationError
from prefect_northflank.job.definition import Subject, refuse_contradictions, request_for
from prefect_northflank.job.settings import SHORT_NAMES
from prefect_northflank.job.variables import NorthflankVariables
from prefect_northflank.records.claims import Claim

FLOW_RUN = UUID("07db3792-88ef-4719-9ee0-0da0dedca33b")
IMAGE_PATH = re.compile(
    r"^(?:(?:https?:\/\/)?([a-zA-Z0-9\-]+\.[a-zA-Z0-9\.\-]+)(\/v1)?)?(?:\/)?([a-zA-Z/-9\.\-_]+)"
    r"(?:\:([a-zA-Z/-9\.\-_\:]+)|\@([a-zA-Z/-9\.\-_\:]+))$"
)
"""API field deployment.external.imagePath."""


def subject(**changes) -> Subject:
    usual = {
        "flow_run_id": FLOW_RUN,
        "name": "amber-bat",
        "command": "prefect flow-run execute",
        "env": {"PREFECT__FLOW_RUN_ID": str(FLOW_RUN)},
        "labels": {"prefect.io/flow-run-id": str(FLOW_RUN), "prefect.io/deployment-id": "d1"},
        "submission_id": "c0de",
        "lasting_name": "etl-prod",
        "lasting_pool": "p1",
        "lasting_served": "d1",
    }
    return Subject(**usual | changes)


def body(**variables):
    return request_for(subject(), NorthflankVariables(**variables)).body


def test_the_defaults_are_those_the_documents_name():
    assert body() == {
        "name": f"amber-bat-{FLOW_RUN.hex}-c0de",
        "description": f"Prefect flow run amber-bat ({FLOW_RUN})",
        "billing": {"deploymentPlan": "nf-compute-20"},
        "deployment": {
            "external": {"imagePath": "prefecthq/prefect:3-python3.12"},
            "docker": {"configType": "customCommand", "customCommand": "prefect flow-run execute"},
            "gracePeriodSeconds": 60,
            "metadata": {
                "labels": {
                    "prefect.io/flow-run-id": str(FLOW_RUN),
                    "prefect.io/deployment-id": "d1",
                }
            },
        },
        "runtimeEnvironment": {"PREFECT__FLOW_RUN_ID": str(FLOW_RUN)},
        "settings": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": 3600,
            "runOnSourceChange": "never",
        },
    }


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("deployment_external_image_path", "a/my flows:1", "='a/my flows:1': an image has a tag or a digest and no spaces"),
        ("deployment_external_image_path", "acme/flows", "='acme/flows': an image has a tag or a digest and no spaces"),
        # Which may hold a secret.
        ("deployment_docker_custom_command", "sh -c 'echo", ": a quote in it is not closed"),
        ("billing_deployment_plan", "nf compute 20", "='nf compute 20': a plan's name has letters"),
    ],
)  # fmt: skip
def test_what_northflank_would_not_take_is_refused_by_its_variables_name(variable, value, said):
    with pytest.raises(ConfigurationError, match=f"job variable {variable}{said}"):
        refuse_contradictions(NorthflankVariables(**{variable: value}))


def test_a_plan_that_is_newer_than_we_are_is_left_to_northflank():
    refuse_contradictions(NorthflankVariables(billing_deployment_plan="nf-compute-9999"))


def test_the_short_names_of_the_documents_say_the_same_as_the_long_ones():
    short = body(
        deployment_plan="nf-compute-50",
        image="ghcr.io/acme/flows:1.2",
        active_deadline_seconds=60,
        gpu_enabled=True,
        billing_gpu_type="h100-80",
    )
    long = body(
        billing_deployment_plan="nf-compute-50",
        deployment_external_image_path="ghcr.io/acme/flows:1.2",
        settings_active_deadline_seconds=60,
        billing_gpu_enabled=True,
        billing_gpu_type="h100-80",
    )

    assert short == long
    assert NorthflankVariables(backoff_limit=0).settings_backoff_limit == 0
    assert set(SHORT_NAMES) | set(SHORT_NAMES.values()) <= set(NorthflankVariables.model_fields)


DOCUMENTED = {
    "credentials": None,
    "project_id": None,
    "cleanup_job": True,
    "name": None,
    "description": None,
    "tags": None,
    "infrastructure_architecture": None,
    "billing_deployment_plan": "nf-compute-20",
    "billing_gpu_enabled": False,
    "billing_gpu_type": None,
    "billing_gpu_count": 1,
    "billing_gpu_timesliced": None,
    "deployment_external_image_path": None,
    "deployment_external_credentials": None,
    "deployment_internal_id": None,
    "deployment_internal_branch": None,
    "deployment_internal_build_sha": None,
    "deployment_internal_build_id": None,
    "deployment_docker_config_type": "customCommand",
    "deployment_docker_custom_command": None,
    "runtime_environment": None,
    "settings_backoff_limit": 3,
    "settings_active_deadline_seconds": 3600,
    "settings_run_on_source_change": "never",
    "deployment_vcs_project_url": None,
    "deployment_vcs_project_type": None,
    "deployment_vcs_project_branch": None,
    "deployment_vcs_self_hosted_vcs_id": None,
    "deployment_vcs_account_login": None,
    "deployment_vcs_vcs_link_id": None,
}


@pytest.mark.parametrize(("variable", "default"), DOCUMENTED.items())
def test_every_documented_variable_is_in_the_pools_form_with_its_default(variable, default):
    template = NorthflankWorker.get_default_base_job_template()

    assert template["job_configuration"][variable] == f"{{{{ {variable} }}}}"
    assert template["variables"]["properties"][variable].get("default") == default


def test_the_form_and_the_configuration_have_the_same_fields():
    assert set(NorthflankWorkerVariables.model_fields) == set(
        NorthflankJobConfiguration.model_fields
    )


def test_the_documents_gpu_example():
    made = body(
        deployment_external_image_path="nvidia/pytorch:23.10-py3",
        billing_deployment_plan="nf-gpu-h100-80-1g",
        billing_gpu_enabled=True,
        billing_gpu_type="h100-80",
        billing_gpu_count=2,
        settings_active_deadline_seconds=14400,
    )

    gpu = {"enabled": True, "configuration": {"gpuType": "h100-80", "gpuCount": 2}}
    assert made["billing"] == {"deploymentPlan": "nf-gpu-h100-80-1g", "gpu": gpu}
    assert made["deployment"]["gpu"] == gpu
    assert made["settings"]["activeDeadlineSeconds"] == 14400


def test_the_documents_build_service_example():
    made = body(
        deployment_internal_id="build-service-123",
        deployment_internal_branch="main",
        deployment_internal_build_sha="latest",
    )

    assert made["deployment"]["internal"] == {
        "id": "build-service-123",
        "branch": "main",
        "buildSHA": "latest",
    }
    assert "external" not in made["deployment"]


def test_a_repository_is_built_with_its_dockerfile_unless_said_otherwise():
    made = body(
        deployment_vcs_project_url="https://github.com/acme/flows",
        deployment_vcs_project_type="github",
        deployment_vcs_project_branch="main",
        build_configuration_docker_credentials=["base-images"],
    )

    assert made["deployment"]["vcs"]["projectUrl"] == "https://github.com/acme/flows"
    assert made["buildSettings"] == {
        "dockerfile": {"dockerFilePath": "/Dockerfile", "dockerWorkDir": "/"}
    }
    assert made["buildConfiguration"] == {"dockerCredentials": ["base-images"]}


def test_registry_credentials_alone_apply_to_the_default_image():
    external = body(deployment_external_credentials="my-registry")["deployment"]["external"]

    assert external == {"imagePath": "prefecthq/prefect:3-python3.12", "credentials": "my-registry"}
    assert IMAGE_PATH.match(external["imagePath"])


@pytest.mark.parametrize(
    ("variables", "docker"),
    [
        ({"deployment_docker_config_type": "default"}, {"configType": "default"}),
        (
            {
                "deployment_docker_config_type": "customEntrypoint",
                "deployment_docker_custom_entrypoint": "/go",
            },
            {"configType": "customEntrypoint", "customEntrypoint": "/go"},
        ),
        (
            {"deployment_docker_custom_entrypoint": "sh -c"},
            {
                "configType": "customEntrypointCustomCommand",
                "customEntrypoint": "sh -c",
                "customCommand": "prefect flow-run execute",
            },
        ),
    ],
)
def test_entrypoint_and_command_are_replaced_as_asked(variables, docker):
    assert body(**variables)["deployment"]["docker"] == docker


def test_everything_that_has_no_variable_goes_through_the_raw_body():
    made = body(
        job_body={
            "settings": {"backoffLimit": 2},
            "stageId": "prod",
            "deployment": {"storage": {"x": 1}},
        }
    )

    assert made["settings"]["backoffLimit"] == 2
    assert made["settings"]["activeDeadlineSeconds"] == 3600
    assert made["stageId"] == "prod"
    assert made["deployment"]["storage"] == {"x": 1}
    assert made["deployment"]["external"]


def test_files_storage_checks_and_architecture_are_passed_on():
    made = body(
        runtime_files={"/etc/app.conf": "a=1"},
        deployment_storage_ephemeral_storage_size=2048,
        deployment_storage_shm_size=128,
        infrastructure_architecture="arm",
        health_checks=[{"protocol": "CMD"}],
        tags=["etl"],
        settings_active_deadline_seconds=None,
    )

    assert made["runtimeFiles"] == {"/etc/app.conf": {"data": "YT0x", "encoding": "utf-8"}}
    assert made["deployment"]["storage"] == {
        "ephemeralStorage": {"storageSize": 2048},
        "shmSize": 128,
    }
    assert made["infrastructure"] == {"architecture": "arm"}
    assert made["healthChecks"] == [{"protocol": "CMD"}]
    assert made["tags"] == ["etl"]
    assert made["settings"]["activeDeadlineSeconds"] is None


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"deployment_external_image_path": "a:1", "deployment_internal_id": "b"}, "one source"),
        ({"deployment_internal_branch": "main"}, "deployment_internal_id is missing"),
        ({"deployment_vcs_project_url": "https://x"}, "deployment_vcs_project_type is missing"),
        ({"billing_gpu_enabled": True}, "billing_gpu_type"),
        (
            {"deployment_docker_config_type": "customEntrypoint"},
            "deployment_docker_custom_entrypoint",
        ),
    ],
)
def test_variables_that_contradict_each_other_are_refused_with_the_remedy(variables, words):
    with pytest.raises(ConfigurationError, match=words):
        body(**variables)


def test_all_contradictions_are_named_at_once():
    with pytest.raises(ConfigurationError) as refused:
        body(
            deployment_vcs_project_url="https://x",
            billing_gpu_enabled=True,
            deployment_docker_config_type="customEntrypoint",
        )

    for variable in (
        "deployment_vcs_project_type",
        "deployment_vcs_project_branch",
        "billing_gpu_type",
        "deployment_docker_custom_entrypoint",
    ):
        assert f"set {variable}" in str(refused.value) or f"and {variable}" in str(refused.value)


# -- lasting jobs --------------------------------------------------------------------------------------------


def lasting(*, variables=None, **changes):
    return request_for(
        subject(**changes), NorthflankVariables(cleanup_job=False, **variables or {})
    )


def test_a_lasting_job_is_the_same_for_every_flow_run_of_its_deployment():
    one = lasting()
    other = lasting(flow_run_id=UUID(int=1), name="other-run", submission_id="0000", env={"A": "1"})

    assert one.name == other.name
    assert one.name.startswith("etl-prod-")
    assert one.overrides["runtimeEnvironment"] != other.overrides["runtimeEnvironment"]
    assert "runtimeEnvironment" not in one.body


def test_image_command_and_plan_are_overrides_of_the_run_not_another_job():
    one = lasting()
    other = lasting(
        variables={
            "deployment_external_image_path": "acme/flows:2",
            "billing_deployment_plan": "nf-compute-200",
        },
        command="python flow.py",
    )

    assert one.name == other.name
    assert other.overrides["deployment"]["external"]["imagePath"] == "acme/flows:2"
    assert other.overrides["deployment"]["docker"]["customCommand"] == "python flow.py"
    assert other.overrides["billing"] == {"deploymentPlan": "nf-compute-200"}


@pytest.mark.parametrize(
    "variables",
    [
        {"settings_active_deadline_seconds": 60},
        {"deployment_grace_period_seconds": 120},
        {"tags": ["x"]},
        {"billing_gpu_enabled": True, "billing_gpu_type": "l4-24"},
    ],
)
def test_what_a_run_cannot_override_makes_another_job(variables):
    assert lasting().name != lasting(variables=variables).name


def test_deployments_do_not_share_a_job():
    assert lasting().name != lasting(lasting_served="d2").name


@pytest.mark.parametrize(
    "label", ["worker-name", "version", "deployment-updated", "flow-run-id", "what-comes-next"]
)
def test_a_label_that_changes_with_worker_time_or_version_makes_no_other_job(label):
    always = {"prefect.io/deployment-id": "d1", "team": "data"}
    one, other = (lasting(labels=always | {f"prefect.io/{label}": value}) for value in "ab")

    assert one == other
    assert one.body["deployment"]["metadata"]["labels"] == always


def test_a_label_of_ones_own_is_a_setting_of_the_job():
    assert lasting(labels={"team": "data"}).name != lasting(labels={"team": "ml"}).name


# -- configuration -------------------------------------------------------------------------------------------


def prepared(**variables) -> NorthflankJobConfiguration:
    configuration = NorthflankJobConfiguration(**variables)
    configuration.prepare_for_flow_run(FlowRun(id=FLOW_RUN, flow_id=UUID(int=2), name="amber-bat"))
    return configuration


def lasting_name(**variables) -> str:
    configuration = NorthflankJobConfiguration(**variables)
    configuration.prepare_for_flow_run(
        FlowRun(id=FLOW_RUN, flow_id=UUID(int=2), name="amber-bat"), flow=Flow(name="etl")
    )
    claim = Claim(id=UUID(int=3))
    return configuration.subject(submission_id="c0de", env={}, tags=[], claim=claim).lasting_name


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "etl"),
        ({"name": "mine"}, "mine"),
        ({"name": "{{ ctx.flow.name }}-nightly"}, "etl-nightly"),
        ({"name": "run-{{ ctx.flow_run.name }}"}, "etl"),
    ],
)
def test_a_lasting_job_is_named_by_what_is_the_same_for_all_its_flow_runs(variables, name):
    assert lasting_name(**variables) == name


def test_runtime_environment_wins_over_env_and_both_over_prefects_own():
    env = prepared(
        env={"A": "env", "B": "env", "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR": "crash"},
        runtime_environment={"B": "runtime", "PREFECT__FLOW_RUN_ID": "mine"},
    ).env

    assert (env["A"], env["B"]) == ("env", "runtime")
    assert env["PREFECT__FLOW_RUN_ID"] == "mine"
    assert env["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"] == "crash"


def test_an_evicted_run_goes_back_to_its_pool_by_default():
    assert prepared().env["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"] == "reschedule"


def test_a_variable_set_to_null_is_taken_out():
    assert (
        "PREFECT__FLOW_RUN_ID"
        not in prepared(runtime_environment={"PREFECT__FLOW_RUN_ID": None}).env
    )


def test_containers_can_be_given_another_address_of_the_prefect_api():
    assert (
        prepared(prefect_api_url="https://p.example.com/api").env["PREFECT_API_URL"]
        == "https://p.example.com/api"
    )


@pytest.mark.parametrize(
    ("variables", "command"),
    [
        ({}, "prefect flow-run execute"),
        (
            {"deployment_docker_custom_command": "python  my_script.py 'a  b'"},
            "python  my_script.py 'a  b'",
        ),
        ({"deployment_docker_custom_command": "x", "command": "uv run bundle"}, "uv run bundle"),
    ],
)
def test_the_command_is_prefects_own_unless_given_and_is_not_rewritten(variables, command):
    assert prepared(**variables).command == command


def test_both_documented_block_references_resolve_to_credentials():
    configuration = NorthflankJobConfiguration(
        credentials={"api_token": "nf-1", "base_url": None, "team_id": "acme"}
    )
    access = configuration.access()

    assert (access.token, access.team, access.base_url) == (
        "nf-1",
        "acme",
        "https://api.northflank.com",
    )
    assert "nf-1" not in repr(access) + repr(configuration)
