"""What @environment takes from the deploying environment reaches the steps, and nobody else."""

from __future__ import annotations

import base64
import gzip
import re
from pathlib import Path

import httpx
import pytest
from metaflow import Run, metadata, namespace

pytestmark = pytest.mark.slow

TOKEN = "very s3cr3t indeed"


def test_a_value_of_the_deploying_environment_is_kept_in_a_secret_block(place):
    api = place.environment["PREFECT_API_URL"]
    command = ("secretive_flow.py", "prefect")
    deploying = {"DEPLOY_TOKEN": TOKEN}
    planned = place.command(*command, "deploy", "--work-pool", "idle", "--dry-run", **deploying)
    deployed = place.command(*command, "deploy", "--work-pool", "idle", **deploying)
    assert deployed.returncode == 0, deployed.stderr
    deployment = httpx.get(f"{api}/deployments/name/SecretiveFlow/default")

    run = httpx.post(f"{api}/deployments/{deployment.json()['id']}/create_flow_run", json={})
    # In the place of a container: nothing of the deploying environment is there.
    ended = place.command("-m", "prefect", "flow-run", "execute", run.json()["id"])
    assert ended.returncode == 0, ended.stdout + ended.stderr

    metadata(f"local@{place.folder}")
    namespace(None)
    found = Run(f"SecretiveFlow/prefect-{run.json()['id']}")
    assert found["start"].task["length"].data == len(TOKEN)
    assert found["start"].task["level"].data == "7"
    assert found["end"].task["elsewhere"].data is None

    for said in (planned.stdout, deployed.stdout, deployment.text, *unpacked(deployment.text)):
        assert TOKEN not in said
    assert "DEPLOY_TOKEN" in planned.stdout
    assert leaks(place.folder) == []

    assert place.command(*command, "delete", **deploying).returncode == 0
    blocks = httpx.post(f"{api}/block_documents/filter", json={}).json()
    assert [block["name"] for block in blocks if block["name"].startswith("metaflow-")] == []


def unpacked(deployment: str) -> list[str]:
    """Return what is packed into a deployment's pull step: texts in base64, zipped or not."""
    pieces = re.findall(r"[A-Za-z0-9+/=]{200,}", deployment)
    joined = base64.b64decode("".join(pieces))
    return [gzip.decompress(joined).decode()]


def leaks(folder: Path) -> list[Path]:
    """Return the files below *folder* that hold the token."""
    return [
        path for path in folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()
    ]
