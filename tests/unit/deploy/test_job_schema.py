"""What work pools' own schemas say of job variables when a flow is deployed."""

from __future__ import annotations

import json
from pathlib import Path

import prefect
import pytest
from prefect_northflank.worker import NorthflankWorker

from metaflow_prefect.deploy.plan.deploy_context import DeployContext, WorkPool
from metaflow_prefect.deploy.plan.job_schema import findings
from metaflow_prefect.deploy.plan.job_variables import job_variables
from metaflow_prefect.deploy.plan.options import DeployOptions
from metaflow_prefect.errors import DeploymentRefused
from tests.unit.deploy.test_jobs import flow

NORTHFLANK = NorthflankWorker.get_default_base_job_template()
WRONG = {
    "deployment_external_image_path": "registry.example.com/my flow:1",
    "billing_deployment_plan": "nf-compute-21",
    "infrastructure_architecture": "armm",
    "deployment_docker_custom_command": "sh -c 'echo",
    "settings_backoff_limit": -1,
    "cleanup_job": "perhaps",
    "setings_backoff_limit": 1,
    "nothing_like_any": 1,
    "runtime_files": {"a.txt": ""},
}


def of_prefects_types():
    """The base job templates of Prefect's own types of pools, as its server knows them."""
    folder = Path(prefect.__file__).parent / "server/api/collections_data/views"
    workers = json.loads((folder / "aggregate-worker-metadata.json").read_text())
    return {
        kind: described["default_base_job_configuration"]
        for package in workers.values()
        for kind, described in package.items()
    }


OTHERS = of_prefects_types()


@pytest.mark.golden
def test_all_that_a_northflank_pool_cannot_take_is_said_in_one_message(golden):
    context = DeployContext(
        owner="me", token="f-0-abcd", pool=WorkPool(name="nf", type="northflank", template=NORTHFLANK),
        metaflow_environment={}, requirements=(),
    )  # fmt: skip

    with pytest.raises(DeploymentRefused) as refused:
        job_variables(flow("s3"), "F/default", DeployOptions(job_variables=WRONG), context)

    golden(Path(__file__).with_name("job_variables_refused.txt"), f"{refused.value}\n")


@pytest.mark.parametrize(
    "fine",
    [
        {"image": "ghcr.io/acme/flows@sha256:0123abcd", "billing_deployment_plan": "nf-compute-100-2"},
        {"billing_deployment_plan": "our-own-plan", "deployment_plan": "nf-gpu-rtx_pro_6000-96-8g"},
        {"image": "localhost:5000/flows:1", "env": {"A": "b"}, "labels": {"x": "y"}, "name": "n"},
        {"credentials": "{{ prefect.blocks.northflank.creds }}", "project_id": "{{ prefect.variables.p }}"},
        {"deployment_docker_custom_command": """sh -c "it's \\\\"fine\\\\"" 'and so on'"""},
        {"settings_active_deadline_seconds": None, "env.A": "b", "job_body": {"anything": 1}},
    ],
)  # fmt: skip
def test_what_a_northflank_pool_takes_is_let_through(fine):
    assert findings(fine, NORTHFLANK) == ()


@pytest.mark.parametrize("kind", sorted(OTHERS))
def test_a_pool_of_any_type_names_a_variable_that_it_does_not_have(kind):
    template = OTHERS[kind]
    name = next(iter(template["variables"]["properties"]))

    (found,) = findings({f"{name}s_": 1}, template)

    assert found.where == f"job variable {name}s_"
    assert found.remedy == f"did you mean {name}?"


@pytest.mark.parametrize(
    ("kind", "variable", "value", "reason"),
    [
        ("process", "stream_output", "perhaps", "it is not of type 'boolean'"),
        ("docker", "image_pull_policy", "Sometimes", "is not one of"),
        ("kubernetes", "job_watch_timeout_seconds", "long", "it is not of type 'integer'"),
    ],
)
def test_a_pool_of_any_type_names_a_value_that_its_variable_cannot_have(
    kind, variable, value, reason
):
    (found,) = findings({variable: value}, OTHERS[kind])

    assert reason in found.reason
    assert found.where == f"job variable {variable}"


@pytest.mark.parametrize("name", ["env", "runtime_environment", "build_arguments"])
def test_a_secret_among_values_that_are_refused_is_not_said(name):
    (found,) = findings({name: {"TOKEN": ["s3cret"]}}, NORTHFLANK)

    assert "s3cret" not in str(found)


@pytest.mark.parametrize("template", [{}, {"variables": {}}, {"variables": {"properties": {}}}])
def test_a_pool_without_a_schema_takes_what_it_is_given(template):
    assert findings({"anything": 1}, template) == ()
