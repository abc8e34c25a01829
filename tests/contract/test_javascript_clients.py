"""The vendor's JavaScript client and CLI, which we did not write, take the emulator for Northflank."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

pytestmark = pytest.mark.slow


def job(name: str, command: str = "true", **fields: object) -> dict[str, object]:
    return {
        "name": name,
        "billing": {"deploymentPlan": "nf-compute-20"},
        "deployment": {
            "external": {"imagePath": "example/image:1"},
            "docker": {"configType": "customCommand", "customCommand": command},
        },
        **fields,
    }


def test_a_session_with_the_javascript_client(npm, emulator, many_jobs):
    done = subprocess.run(
        ["node", "session.mjs", emulator.base_url, emulator.token, emulator.project],
        cwd=npm, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    steps = {line["step"]: line["value"] for line in map(json.loads, done.stdout.splitlines())}
    assert steps == {
        "create": "js-job",
        "put": "updated",
        "patch": "patched",
        "run": "SUCCESS",
        "logs": ["stderr F oops", "stdout F hello from js"],
        "containers": ["TASK_FINISHED"],
        "tail": ["stdout F tick 0", "stdout F tick 1", "stdout F tick 2"],
        "abort": "FAILED",
        "secret": "js-group",
        "inherited": ["stdout F hello from the group"],
        "pages": many_jobs + 2,
        "runs": 2,
        "missing": 404,
        "invalid": 400,
        "taken": 409,
        "deleted": 404,
    }


@pytest.fixture
def many_jobs(emulator) -> int:
    """Create more jobs than fit on two pages."""
    number = 250
    for index in range(number):
        emulator.call("POST", f"/v1/projects/{emulator.project}/jobs", job(f"many-{index}"))
    return number


class Cli:
    """Return the vendor's command, with a home of its own and logged in to an emulator."""

    def __init__(self, folder, home, emulator):
        self._program = folder / "node_modules" / ".bin" / "northflank"
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
        self._project = emulator.project
        self.text("login", "-n", "emulator", "-t", emulator.token, "--host", emulator.base_url)

    def text(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            ["node", self._program, *words],
            env=self._environment, capture_output=True, text=True, timeout=120, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def __call__(self, *words: str, body: object = None):
        sent = () if body is None else ("-i", json.dumps(body))
        return json.loads(self.text(*words, "--projectId", self._project, *sent, "-o", "json"))


def test_a_session_with_the_cli(npm, emulator, tmp_path):
    cli = Cli(npm, tmp_path, emulator)
    body = job("cli job", "sh -c 'echo hello $WHO; sleep 0.2; echo bye'", backoffLimit=0)

    assert cli("create", "job", "manual", body=body)["id"] == "cli-job"
    assert cli("put", "job", "manual", body={**body, "description": "new"})["description"] == "new"
    of_job = ("--jobId", "cli-job")
    run = cli("start", "job", "run", *of_job, body={"runtimeEnvironment": {"WHO": "cli"}})["id"]
    of_run = (*of_job, "--runId", run)
    # A tail ends by itself when the run is over.
    tail = cli.text(
        "get", "job", "logs", "--projectId", emulator.project, *of_run, "--tail", "-o", "json"
    )
    assert "stdout F hello cli" in tail
    assert "stdout F bye" in tail
    assert cli("get", "job", "run", *of_run)["status"] == "SUCCESS"
    lines = cli("get", "job", "logs", *of_run, "--direction", "forward")
    assert [line["log"] for line in lines] == ["stdout F hello cli", "stdout F bye"]
    assert cli("get", "job", "runs", *of_job)["runs"][0]["id"] == run
    assert cli("abort", "job", "run", *of_run) == {}
    group = {"name": "cli group", "secretType": "environment", "priority": 1}
    assert cli("create", "secret", body=group)["id"] == "cli-group"
    assert [it["id"] for it in cli("list", "jobs")["jobs"]] == ["cli-job"]
    cli.text("delete", "job", "--projectId", emulator.project, *of_job, "--force")
    refused = cli.text("get", "job", "--projectId", emulator.project, *of_job, code=1)
    assert "404" in refused
