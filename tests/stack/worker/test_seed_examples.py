"""The examples users have in their `prefect.yaml` files run as they are."""

from __future__ import annotations

import subprocess

import httpx
import pytest

pytestmark = pytest.mark.slow

FLOWS = """
from prefect import flow

@flow
def my_flow():
    print("Hello from Northflank!")
    return "Flow completed successfully"
"""

SAVE_BLOCKS = """
from prefect_northflank import Northflank, NorthflankCredentials

Northflank(api_token="{token}", base_url="{url}").save("northflank-creds")
NorthflankCredentials(api_token="{token}", base_url="{url}").save("my-creds")
Northflank(api_token="{token}", base_url="{url}").save("my-creds")
"""

PREFECT_YAML = """
deployments:
- name: my-northflank-deployment
  entrypoint: flows.py:my_flow
  pull:
  - prefect.deployments.steps.set_working_directory:
      directory: "{folder}"
  work_pool:
    name: {pool}
    job_variables:
      credentials: "{{{{ prefect.blocks.northflank.northflank-creds }}}}"
      project_id: "demo"
      deployment_external_image_path: "prefecthq/prefect:3-python3.12"
      billing_deployment_plan: "nf-compute-200"
- name: by-the-other-slug
  entrypoint: flows.py:my_flow
  pull:
  - prefect.deployments.steps.set_working_directory:
      directory: "{folder}"
  work_pool:
    name: {pool}
    job_variables:
      credentials: "{{{{ prefect.blocks.northflank-credentials.my-creds }}}}"
      project_id: "demo"
      deployment_external_image_path: "python:3.12-slim"
      billing_deployment_plan: "nf-compute-200"
      runtime_environment:
        ENVIRONMENT: "production"
        LOG_LEVEL: "info"
- name: my-build-deployment
  entrypoint: flows.py:my_flow
  pull:
  - prefect.deployments.steps.set_working_directory:
      directory: "{folder}"
  work_pool:
    name: {pool}
    job_variables:
      credentials: "{{{{ prefect.blocks.northflank.my-creds }}}}"
      project_id: "demo"
      deployment_internal_id: "build-service-abc123"
      deployment_internal_branch: "main"
      billing_deployment_plan: "nf-compute-50"
      runtime_environment:
        ENVIRONMENT: "production"
        LOG_LEVEL: "info"
- name: from-a-repository
  entrypoint: flows.py:my_flow
  pull:
  - prefect.deployments.steps.set_working_directory:
      directory: "{folder}"
  work_pool:
    name: {pool}
    job_variables:
      credentials: "{{{{ prefect.blocks.northflank.my-creds }}}}"
      project_id: "demo"
      deployment_vcs_project_url: "https://github.com/acme/flows"
      deployment_vcs_project_type: "github"
      deployment_vcs_project_branch: "main"
      billing_deployment_plan: "nf-compute-50"
"""

BUILD_SERVICE = {
    "name": "build-service-abc123",
    "billing": {"buildPlan": "nf-compute-400-16"},
    "vcsData": {"projectUrl": "https://github.com/acme/flows", "projectType": "github"},
    "buildSettings": {"dockerfile": {"dockerFilePath": "/Dockerfile", "dockerWorkDir": "/"}},
}
DEPLOYMENTS = (
    "my-northflank-deployment",
    "by-the-other-slug",
    "my-build-deployment",
    "from-a-repository",
)


def build_the_service(northflank, conftest) -> None:
    """Make the build service that a deployment names, and one finished build of its branch."""
    services = f"{northflank.base_url}/v1/projects/demo/services"
    builds = f"{services}/build-service-abc123/build"
    headers = {"authorization": f"Bearer {northflank.token}"}
    with httpx.Client(headers=headers) as http:
        http.post(f"{services}/build", json=BUILD_SERVICE).raise_for_status()
        http.post(builds, json={"branch": "main"}).raise_for_status()
        conftest.wait_until(
            lambda: http.get(builds).json()["data"]["builds"][0]["success"], "it is built"
        )


def test_all_three_deployment_types_of_the_documents_run(pool, prefect, conftest, tmp_path):
    build_the_service(pool.northflank, conftest)
    (tmp_path / "flows.py").write_text(FLOWS)
    (tmp_path / "prefect.yaml").write_text(PREFECT_YAML.format(pool=pool.name, folder=tmp_path))
    save = SAVE_BLOCKS.format(token=pool.northflank.token, url=pool.northflank.base_url)
    for command in (
        [str(conftest.BIN / "python"), "-c", save],
        [str(conftest.BIN / "prefect"), "--no-prompt", "deploy", "--all"],
    ):
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=prefect.environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    # The worker itself has no token: the blocks' is used.
    with pool.worker(NORTHFLANK_API_TOKEN=""):
        flow_runs = []
        for name in DEPLOYMENTS:
            deployment = prefect.http.get(f"/deployments/name/my-flow/{name}").json()["id"]
            flow_runs.append(prefect.trigger(deployment))
        ended = [prefect.wait_for(it) for it in flow_runs]

    assert {it["state_type"] for it in ended} == {"COMPLETED"}, ended
