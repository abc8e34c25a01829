"""What the version before has made goes on after `pip install -U`: generated files, deployments, a headless stack.

One environment has the wheel of the version before; a user of it compiles a flow, starts a stack, deploys to it and runs. Then
the environment gets this version's wheel over it, while the stack is running.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support import previous_version
from tests.support.distributions import (
    Environment,
    build_wheel,
    copy_sources,
    link_dependencies,
    make_environment,
)
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FLOW = Path(__file__).with_name("upgraded_flow.py")
LOOK = """
import sys
from metaflow import Run, namespace

namespace(None)
run = Run("UpgradedFlow/" + sys.argv[1])
print(run.successful, sorted(len(list(step)) for step in run), run.data.total)
"""
SUM_OF_THREE = "True [1, 1, 1, 3] 5"
SUM_OF_FOUR = "True [1, 1, 1, 4] 14"


@dataclass(frozen=True)
class User:
    """A person who works in a folder with the commands of *environment*, as a shell would know them."""

    environment: Environment
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def done(self, *words: str) -> str:
        ended = self.environment.attempt(*words, cwd=self.folder, variables=self.variables)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def flow(self, *words: str) -> str:
        return self.done(FLOW.name, "prefect", *words)

    def stack_command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `prefect-headless` in a shell that does not have the address of the stack: each start chooses a port."""
        without = {name: it for name, it in self.variables.items() if name != "PREFECT_API_URL"}
        program = self.environment.folder / "bin" / "prefect-headless"
        return self.environment.attempt(program, *words, cwd=self.folder, variables=without)

    def stack(self, *words: str) -> str:
        ended = self.stack_command(*words)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def stack_status(self) -> dict[str, Any]:
        return dict(json.loads(self.stack_command("status", "--json").stdout))

    def pids(self) -> dict[str, int | None]:
        return {it["name"]: it["pid"] for it in self.stack_status()["services"]}

    def address_of_stack(self) -> str:
        return str(json.loads(self.stack("env", "--json"))["PREFECT_API_URL"])

    def run_file(self, file: str) -> str:
        self.done(file, "--run-id-file", "run-id")
        return (self.folder / "run-id").read_text().strip()

    def trigger(self, *words: str) -> str:
        self.flow("trigger", "--wait", "--run-id-file", "run-id", *words)
        return (self.folder / "run-id").read_text().strip()

    def result(self, run_id: str) -> str:
        return self.done("-c", LOOK, run_id).strip()

    def listed_runs(self) -> dict[str, str]:
        return {
            it["run"].partition("/")[2]: it["status"]
            for it in json.loads(self.flow("list-runs", "--json"))
        }


@dataclass(frozen=True)
class Before:
    """What was there before the upgrade: a run of the generated file, one of the deployment, the stack's processes."""

    of_file: str
    of_deployment: str
    pids: dict[str, int]


@pytest.fixture(scope="module")
def user(tmp_path_factory) -> Iterator[User]:
    """A user of the version before."""
    commit = previous_version.commit()
    if commit is None:
        pytest.skip(
            "this clone's history does not have the version before: git fetch --unshallow --tags"
        )
    wheel = previous_version.wheel(commit, tmp_path_factory.mktemp("previous"))
    dependencies = link_dependencies(tmp_path_factory.mktemp("dependencies"))
    environment = make_environment(tmp_path_factory.mktemp("upgraded") / "env", dependencies)
    environment.pip_install("--no-deps", "--no-index", wheel)
    folder = tmp_path_factory.mktemp("work")
    shutil.copy(FLOW, folder)
    variables = {
        "PATH": f"{environment.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PREFECT_HOME": str(folder / "stack"),
        "PREFECT_SERVER_PORT": "0",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "METAFLOW_HOME": str(folder / "home"),
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder),
    }
    made = User(environment, folder, variables)
    yield made
    made.stack_command("down")


@pytest.fixture(scope="module")
def before(user) -> Before:
    """What the version before makes, and the upgrade."""
    user.flow("create", "out.py")
    user.flow("create", "alone.py", "--standalone")
    user.stack("up", "-d", "--wait", "240")
    user.variables["PREFECT_API_URL"] = user.address_of_stack()
    user.flow("deploy", "--work-pool", "default-pool")
    found = Before(user.run_file("out.py"), user.trigger(), user.pids())
    assert user.result(found.of_file) == user.result(found.of_deployment) == SUM_OF_THREE
    return found


@pytest.fixture(scope="module")
def upgraded(user, before, tmp_path_factory) -> User:
    """The user after the upgrade, which leaves the stack's processes as they are."""
    sources = copy_sources(tmp_path_factory.mktemp("sources"))
    wheel = build_wheel(sources, tmp_path_factory.mktemp("wheel"))
    # `--force-reinstall`: until it is released, this version may have the number of the one before.
    user.environment.pip_install("--no-deps", "--no-index", "--upgrade", "--force-reinstall", wheel)
    return user


def test_a_stack_of_the_version_before_that_runs_on_is_known_and_restarts_services(
    upgraded, before
):
    assert upgraded.stack_status()["verdict"] == "healthy"
    assert upgraded.pids() == before.pids

    upgraded.stack("stop", "server")
    assert upgraded.pids()["server"] is None
    upgraded.stack("start", "server")

    # After the server: a worker that misses it asks less and less often.
    os.kill(before.pids["worker"], signal.SIGKILL)
    wait_until(
        lambda: (pid := upgraded.pids()["worker"]) and pid != before.pids["worker"],
        "the supervisor of the version before has started the worker again", every=1,
    )  # fmt: skip


@pytest.mark.parametrize("file", ["out.py", "alone.py"])
def test_a_file_generated_by_the_version_before_runs_with_the_same_result(upgraded, file):
    assert upgraded.result(upgraded.run_file(file)) == SUM_OF_THREE


def test_a_deployment_of_the_version_before_is_run_listed_and_paused(upgraded, before):
    run_id = upgraded.trigger("--count", "4")
    assert upgraded.result(run_id) == SUM_OF_FOUR
    assert upgraded.listed_runs() == {run_id: "SUCCEEDED", before.of_deployment: "SUCCEEDED"}

    upgraded.flow("schedule", "pause")
    (listed,) = json.loads(upgraded.flow("list-deployments", "--json"))
    assert listed["paused"]
    assert "square" in upgraded.flow("logs", before.of_deployment)


def test_a_stopped_stack_of_the_version_before_starts_with_its_runs_and_deployments(
    upgraded, before
):
    upgraded.stack("down")
    upgraded.stack("up", "-d", "--wait", "240")
    upgraded.variables["PREFECT_API_URL"] = upgraded.address_of_stack()

    assert upgraded.stack_status()["verdict"] == "healthy"
    assert upgraded.listed_runs()[before.of_deployment] == "SUCCEEDED"
    assert upgraded.result(upgraded.trigger()) == SUM_OF_THREE


def test_a_deployment_of_the_version_before_is_deployed_again_and_deleted(upgraded):
    upgraded.flow("deploy")
    (listed,) = json.loads(upgraded.flow("list-deployments", "--json"))
    # It was paused before the upgrade of its stack, and stays so.
    assert listed["paused"]

    upgraded.flow("delete")
    assert json.loads(upgraded.flow("list-deployments", "--json")) == []
    upgraded.stack("down")
