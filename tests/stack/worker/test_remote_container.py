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

import boto3
import pytest
from moto.server import ThreadedMotoServer
from northflank_emulator import Emulator
from northflank_emulator.settings import Settings

from tests.stack.metadata_service import MetadataService, running_service

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
    """An images file with what stands for `prefecthq/prefect`: Prefect and pip, no Metaflow, nothing of ours."""
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
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=address, aws_access_key_id="key", aws_secret_access_key="secret",
        region_name="us-east-1",
    )  # fmt: skip
    client.create_bucket(Bucket="bucket")
    yield address
    server.stop()


@pytest.fixture
def northflank(stock_image, conftest):
    """An emulated Northflank that can pull the stock image and no other; every job gets the keys of S3."""
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
        yield conftest.Northflank(base_url=emulator.base_url, token=emulator.token)


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
    """A machine of somebody who deploys: a folder with flows, and what the environment says."""

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


def test_it_needs_nothing_of_the_machine_that_deployed_it_wherever_its_metadata_is(
    pool, s3, service, tmp_path
):
    machine = Machine(
        tmp_path / "machine",
        {
            **pool.environment,
            **KEYS,
            "PREFECT_HOME": str(tmp_path / "client"),
            "METAFLOW_HOME": str(tmp_path / "client"),
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
    shown = machine.flow(*deploy, "--dry-run")
    machine.flow(*deploy, "--name", "told", metadata="service")
    run = machine.flow("trigger", "--number", "3")["run"]
    told_run = machine.flow("trigger", "--name", "told", metadata="service")["run"]
    asked_here = len(service.headers)
    shutil.rmtree(machine.folder)
    machine.folder.mkdir()
    with pool.worker() as worker:
        for each in (run, told_run):
            ended = pool.prefect.wait_for(UUID(each.partition("/prefect-")[2]))
            assert ended["state_type"] == "COMPLETED", worker.output
    asked_there = service.headers[asked_here:]
    machine.environment["METAFLOW_DEFAULT_METADATA"] = "service"
    told = machine.read_back("RemoteFlow/told", told_run)
    machine.environment["METAFLOW_DEFAULT_METADATA"] = "local"
    found = machine.read_back("RemoteFlow/default", run)
    environment = planned["job_variables"]["env"]

    assert found["successful"]
    assert (found["total"], found["table"]) == (5, "a,b\n")
    assert found["printed"] == ["squared 0", "squared 1", "squared 2"]
    assert found["ours"] == "None"
    # A step works where its code was unpacked; what IncludeFile names is in the datastore only.
    assert "helper.py" in found["here"]
    assert "table.csv" not in found["here"]
    assert found["namespace"] == f"production:{environment['METAFLOW_PRODUCTION_TOKEN']}"
    assert found["helper"] == (FLOWS / "helper.py").read_text()
    assert found["code"] == (FLOWS / "remote_flow.py").read_text()
    # Values that lead back to the machine.
    assert [item for item in found["environment"].values() if str(machine.folder) in item] == []
    assert not {"AWS_SECRET_ACCESS_KEY", "METAFLOW_SERVICE_AUTH_KEY"} & environment.keys()
    assert shown["job_variables"] == planned["job_variables"]
    assert (told["successful"], told["total"]) == (True, 1)
    # The containers reach the service where it is for them, with the key of their secret group.
    assert {headers["Host"].partition(":")[0] for headers in asked_there} == {"localhost"}
    assert {headers.get("x-api-key") for headers in asked_there} == {"service key"}
