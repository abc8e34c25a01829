"""`prefect-northflank init` and `doctor` against a real server and emulator."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def command(prefect, emulator):
    def run(*arguments, token=emulator.token, **environment):
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "prefect-northflank"),
                *arguments,
                "--base-url",
                emulator.base_url,
            ],
            env=prefect.environment | {"NORTHFLANK_API_TOKEN": token} | environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def pools(prefect):
    return {pool["name"]: pool for pool in prefect.post("/work_pools/filter")}


def test_init_sets_up_a_pool_that_runs_a_flow_with_no_further_variables(
    command, prefect, conftest, pool, tmp_path
):
    name, block = f"nf-{uuid4().hex[:6]}", f"creds-{uuid4().hex[:6]}"
    code, output = command(
        "init", "--project", "demo", "--pool", name, "--block", block, "--plan", "nf-compute-200"
    )
    assert code == 0, output
    assert f"prefect worker start --pool {name}" in output
    assert "emulator-token" not in output
    again, output = command("init", "--project", "demo", "--pool", name, "--block", block)
    assert again == 0, output

    made = conftest.Pool(name=name, prefect=prefect, northflank=pool.northflank, folder=tmp_path)
    # The worker has no token of its own: the block's is used.
    with made.worker(NORTHFLANK_API_TOKEN="", NORTHFLANK_API_BASE_URL=""):
        ended = prefect.wait_for(prefect.trigger(prefect.deploy("hello", name)))
    assert ended["state_type"] == "COMPLETED"


def test_check_reports_and_creates_nothing(command, prefect):
    name = f"nf-{uuid4().hex[:6]}"
    code, output = command("init", "--check", "--project", "demo", "--pool", name)

    assert code == 0, output
    assert f"ok       a work pool can have the name {name} (`init` creates it)" in output
    assert name not in pools(prefect)


@pytest.mark.parametrize(
    ("arguments", "token", "words"),
    [
        (["--project", "demo"], "wrong", "valid API token"),
        (["--project", "nowhere"], None, "check project_id"),
        ([], None, "pass --project"),
        (["--project", "demo", "--plan", "nf-huge"], None, "choose one with --plan"),
    ],
)
def test_doctor_names_what_is_wrong_and_what_to_do(command, emulator, arguments, token, words):
    code, output = command("doctor", *arguments, token=token or emulator.token)

    assert code == 1
    assert words in output


def test_init_creates_nothing_when_something_is_wrong(command, prefect):
    name, block = f"nf-{uuid4().hex[:6]}", f"creds-{uuid4().hex[:6]}"
    code, output = command("init", "--project", "demo", "--pool", name, token="wrong")

    assert code == 1
    assert "Nothing was created." in output
    assert name not in pools(prefect)

    prefect.post("/work_pools/", {"name": name, "type": "process"})
    code, output = command("init", "--project", "demo", "--pool", name, "--block", block)

    assert code == 1
    assert "it is of type process. Fix: choose another name with --pool" in output
    assert block not in [it["name"] for it in prefect.post("/block_documents/filter")]


def test_doctor_says_that_prefect_asks_for_another_password(command):
    code, output = command("doctor", "--project", "demo", PREFECT_API_AUTH_STRING="flows:wrong")

    assert code == 1
    assert "it answered 401. Fix: set PREFECT_API_AUTH_STRING" in output


def test_doctor_says_that_prefect_is_not_there(command):
    code, output = command("doctor", "--project", "demo", PREFECT_API_URL="http://127.0.0.1:9/api")

    assert code == 1
    assert "start the server" in output
