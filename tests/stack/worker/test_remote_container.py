"""A flow on Northflank with its data in S3: a stock image, an empty directory, nothing of the machine that deployed it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from northflank_emulator import Emulator
from northflank_emulator.settings import Settings

from tests.stack.metadata_service import MetadataService, running_service
from tests.support.s3 import s3_api

FLOWS = Path(__file__).parent / "flows"
KEYS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "METAFLOW_SERVICE_AUTH_KEY": "service key",
}
NOT_IN_THE_IMAGE = ("metaflow", "boto3", "__editable__", "__pycache__")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stock_image(tmp_path_factory) -> Path:
    """An images file with what stands for `prefecthq/prefect`: Prefect and pip, without Metaflow and this project."""
    folder = tmp_path_factory.mktemp("image")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    for item in Path(sysconfig.get_path("purelib")).iterdir():
        if not item.name.startswith(NOT_IN_THE_IMAGE):
            (site / item.name).symlink_to(item)
    programs = folder / "env" / "bin"
    (programs / "prefect").write_text(
        f"#!{programs / 'python'}\nfrom prefect.cli import app\napp()\n"
    )
    (programs / "prefect").chmod(0o755)
    # How this machine's pip reaches its packages, as Northflank's reaches PyPI.
    variables = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    images = folder / "images.json"
    images.write_text(
        json.dumps(
            {"image": [{"pattern": "prefecthq/prefect:*", "bin": str(programs), "env": variables}]}
        )
    )
    return images


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 API with one empty bucket."""
    with s3_api() as address:
        yield address


@pytest.fixture(scope="module")
def pool(prefect, stock_image, conftest, tmp_path_factory):
    """A work pool on an emulator that can pull the stock image and no other; every job gets the keys of S3."""
    with Emulator(Settings(rate_limit=None, images=stock_image)) as emulator:
        emulator.call(
            "POST",
            "/v1/projects/demo/secrets",
            {
                "name": "s3-keys",
                "secretType": "environment",
                "priority": 0,
                "secrets": {"variables": KEYS},
            },
        )
        northflank = conftest.Northflank(base_url=emulator.base_url, token=emulator.token)
        yield conftest.new_pool(prefect, northflank, tmp_path_factory.mktemp("pool"))


READ_BACK = """
import json, sys
from metaflow import DeployedFlow
triggered = DeployedFlow.get_triggered_prefect_run(*sys.argv[1:])
run = triggered.run
data = run.data
squares = list(run["square"].tasks())
print(json.dumps({
    "successful": run.successful, "total": data.total, "table": data.table, "here": data.here,
    "ours": str(data.ours), "environment": data.environment, "namespace": data.namespace,
    "printed": sorted(task.stdout.strip() for task in squares),
    "code": run.code.flowspec.decode(), "helper": run.code.tarball.extractfile("helper.py").read().decode(),
}))
"""


@dataclass(frozen=True)
class Machine:
    """The machine of a user who deploys: a folder with flows, and an environment."""

    folder: Path
    environment: dict[str, str]

    def python(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, timeout=500, check=False,
        )  # fmt: skip

    def flow(self, *words: str, metadata: str = "local") -> Any:
        options = ("--quiet", "--datastore", "s3", "--metadata", metadata)
        done = self.python("remote_flow.py", *options, "prefect", *words, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def read_back(self, deployment: str, run: str) -> dict[str, Any]:
        done = self.python("-c", READ_BACK, deployment, run.partition("/")[2])
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="module")
def service() -> Iterator[MetadataService]:
    with running_service() as running:
        yield running


@dataclass(frozen=True)
class Deployed:
    """A flow that was deployed twice, triggered, and run after its machine had lost all files."""

    machine: Machine
    planned: dict[str, Any]
    """What `deploy` showed."""
    dry_run: dict[str, Any]
    """What `deploy --dry-run` showed."""
    found: dict[str, Any]
    """The run whose metadata is local, read back."""
    with_service: dict[str, Any]
    """The run whose metadata is at the service, read back."""
    requests: list[dict[str, str]]
    """The headers of the requests that the containers sent to the service."""

    @property
    def environment(self) -> dict[str, str]:
        environment: dict[str, str] = self.planned["job_variables"]["env"]
        return environment


@pytest.fixture(scope="module")
def deployed(pool, s3, service, tmp_path_factory) -> Deployed:
    folder = tmp_path_factory.mktemp("deployed")
    machine = Machine(
        folder / "machine",
        {
            **pool.environment,
            **KEYS,
            "PREFECT_HOME": str(folder / "client"),
            "METAFLOW_HOME": str(folder / "client"),
            "METAFLOW_S3_ENDPOINT_URL": s3,
            "METAFLOW_DATASTORE_SYSROOT_S3": "s3://bucket/metaflow",
            "METAFLOW_SERVICE_URL": service.address,
            "METAFLOW_SERVICE_INTERNAL_URL": service.address.replace("127.0.0.1", "localhost"),
        },
    )
    shutil.copytree(FLOWS, machine.folder)
    deploy = (
        "deploy", "--work-pool", pool.name, "--job-variable", "project_id=demo",
        "--job-variable", "billing_deployment_plan=nf-compute-200",
        "--image", "prefecthq/prefect:3-python3.11",
    )  # fmt: skip
    planned = machine.flow(*deploy)
    dry_run = machine.flow(*deploy, "--dry-run")
    machine.flow(*deploy, "--name", "told", metadata="service")
    run = machine.flow("trigger", "--number", "3")["run"]
    run_with_service = machine.flow("trigger", "--name", "told", metadata="service")["run"]
    sent_by_machine = len(service.headers)
    shutil.rmtree(machine.folder)
    machine.folder.mkdir()
    with pool.worker() as worker:
        for each in (run, run_with_service):
            ended = pool.prefect.wait_for(UUID(each.partition("/prefect-")[2]))
            assert ended["state_type"] == "COMPLETED", worker.output
    requests = service.headers[sent_by_machine:]
    machine.environment["METAFLOW_DEFAULT_METADATA"] = "service"
    with_service = machine.read_back("RemoteFlow/told", run_with_service)
    machine.environment["METAFLOW_DEFAULT_METADATA"] = "local"
    found = machine.read_back("RemoteFlow/default", run)
    return Deployed(machine, planned, dry_run, found, with_service, requests)


def test_the_flow_runs_though_the_machine_that_deployed_it_is_gone(deployed):
    assert deployed.found["successful"]
    assert (deployed.found["total"], deployed.found["table"]) == (5, "a,b\n")


def test_the_output_of_each_task_can_be_read_back(deployed):
    assert deployed.found["printed"] == ["squared 0", "squared 1", "squared 2"]


def test_the_container_imports_no_package_of_the_deploying_machine(deployed):
    assert deployed.found["ours"] == "None"


def test_a_step_works_beside_its_code_and_without_the_included_files(deployed):
    """A step works where its code was unpacked; what IncludeFile names is in the datastore only."""
    assert "helper.py" in deployed.found["here"]
    assert "table.csv" not in deployed.found["here"]


def test_the_run_is_in_the_namespace_of_the_production_token(deployed):
    token = deployed.environment["METAFLOW_PRODUCTION_TOKEN"]

    assert deployed.found["namespace"] == f"production:{token}"


def test_the_code_of_the_run_is_that_of_the_machine(deployed):
    assert deployed.found["helper"] == (FLOWS / "helper.py").read_text()
    assert deployed.found["code"] == (FLOWS / "remote_flow.py").read_text()


def test_no_value_in_the_container_leads_back_to_the_machine(deployed):
    values = deployed.found["environment"].values()

    assert [it for it in values if str(deployed.machine.folder) in it] == []


def test_no_key_is_in_the_plain_environment_of_the_job(deployed):
    assert not {"AWS_SECRET_ACCESS_KEY", "METAFLOW_SERVICE_AUTH_KEY"} & deployed.environment.keys()


def test_a_dry_run_shows_the_job_variables_of_the_deployment(deployed):
    assert deployed.dry_run["job_variables"] == deployed.planned["job_variables"]


def test_a_run_whose_metadata_is_at_a_service_is_read_back_from_there(deployed):
    assert (deployed.with_service["successful"], deployed.with_service["total"]) == (True, 1)


def test_containers_reach_the_service_at_its_internal_address_with_their_key(deployed):
    """The key comes from their secret group."""
    hosts = {headers["Host"].partition(":")[0] for headers in deployed.requests}

    assert hosts == {"localhost"}
    assert {headers.get("x-api-key") for headers in deployed.requests} == {"service key"}
