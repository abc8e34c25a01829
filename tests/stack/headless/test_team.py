"""docs/how-to/teams.md: a server with a password, a pool for each environment, production from Git, upgrades under runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.stack.headless.conftest import Stack, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FLOW = Path(__file__).with_name("team_flow.py")
PASSWORD = "team:a-long-password"


@dataclass(frozen=True)
class Colleague:
    """Somebody with a machine of their own: a user name, a folder, Metaflow's cache of tokens."""

    name: str
    folder: Path
    environment: dict[str, str]

    def type(self, *words: str, below: str = ".") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.folder / below, env=self.environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    def done(self, *words: str, below: str = ".") -> str:
        ended = self.type(*words, below=below)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture(scope="module")
def stack(new_stack):
    """A server with a password; its worker stands for the one of production."""
    made = new_stack(
        has_tables=True,
        PREFECT_SERVER_API_AUTH_STRING=PASSWORD,
        PREFECT_HEADLESS_EMULATOR="1",
        PREFECT_WORKER_POOL_TYPE="northflank",
        PREFECT_WORKER_POOL_NAME="production",
        PREFECT_WORKER_QUERY_SECONDS="1",
    )
    made.up()
    yield made
    made.down()


@pytest.fixture(scope="module")
def colleague(stack, tmp_path_factory):
    """Make somebody who knows the server's password, or not."""
    datastore = str(tmp_path_factory.mktemp("datastore"))
    client = json.loads(stack.command("env", "--json").stdout)

    def make(name: str, *, password: str = PASSWORD) -> Colleague:
        folder = tmp_path_factory.mktemp(name)
        shutil.copy(FLOW, folder)
        return Colleague(name, folder, {
            **stack.environment(),
            **client,
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_AUTH_STRING": password,
            "METAFLOW_USER": name,
            "METAFLOW_HOME": str(folder / "metaflow"),
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": datastore,
        })  # fmt: skip

    return make


def deployment(stack: Stack, name: str) -> dict[str, object]:
    answer = httpx.get(f"{stack.api_url}/deployments/name/TeamFlow/{name}", auth=auth())
    return dict(answer.raise_for_status().json())


def auth() -> httpx.BasicAuth:
    return httpx.BasicAuth(*PASSWORD.split(":"))


def test_a_team_shares_a_server_and_a_run_outlives_the_upgrades_around_it(stack, colleague):
    ann, ci, stranger = colleague("ann"), colleague("ci"), colleague("eve", password="team:guess")
    sees_files = (
        "--job-variable",
        f"env.METAFLOW_DATASTORE_SYSROOT_LOCAL={ann.environment['METAFLOW_DATASTORE_SYSROOT_LOCAL']}",
    )
    deploy = ("prefect", "deploy", *sees_files, "--work-pool")
    production = ("team_flow.py", "--production")
    ann.done("-m", "prefect", "work-pool", "create", "--type", "northflank", "staging")

    refused = stranger.type("team_flow.py", *deploy, "staging")
    assert refused.returncode == 1
    assert "refuses the request (401)" in refused.stderr

    ann.done("team_flow.py", *deploy, "staging")
    (ci.folder / "deploy").mkdir()
    ci.done(*production, *deploy, "production", "--prefect-yaml", "deploy/prefect.yaml")
    ci.done("-m", "prefect", "--no-prompt", "deploy", "--all", below="deploy")
    mistake = ann.type(*production, *deploy, "production")
    assert mistake.returncode == 1
    assert "This deployment belongs to ci, and you (ann) have not given its" in mistake.stderr
    assert deployment(stack, "shop.user.ann.TeamFlow")["work_pool_name"] == "staging"
    assert deployment(stack, "shop.prod.TeamFlow")["work_pool_name"] == "production"

    gate = ci.folder / "gate"
    ci.done(*production, "prefect", "trigger", "--gate", str(gate), "--run-id-file", "run-id")
    run_id = (ci.folder / "run-id").read_text().strip()
    eventually(ci.folder.joinpath("gate.begun").exists, what="running")
    # What an upgrade does after the installation.
    for service in ("worker", "server"):
        restarted = stack.command("restart", service)
        assert restarted.returncode == 0, restarted.stderr
    gate.touch()
    status = eventually(
        lambda: (
            (found := ci.done(*production, "prefect", "status", run_id, "--json"))
            and json.loads(found)["status"] in {"SUCCEEDED", "FAILED"}
            and json.loads(found)
        ),
        what="over",
    )
    assert status["status"] == "SUCCEEDED", stack.every_log()
    assert job_runs(ci) == 1
    assert PASSWORD not in stack.every_log()


def job_runs(member: Colleague) -> int:
    """Return how often Northflank was asked to start a container; check that no job has the password in plain text."""
    northflank = httpx.Client(
        base_url=f"{member.environment['NORTHFLANK_API_BASE_URL']}/v1/projects/demo",
        headers={"Authorization": f"Bearer {member.environment['NORTHFLANK_API_TOKEN']}"},
        timeout=30,
    )
    jobs = [it["id"] for it in northflank.get("/jobs").raise_for_status().json()["data"]["jobs"]]
    for job in jobs:
        assert PASSWORD not in northflank.get(f"/jobs/{job}").text
    return sum(len(northflank.get(f"/jobs/{job}/runs").json()["data"]["runs"]) for job in jobs)
