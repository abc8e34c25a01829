"""The API under contract: always the emulator, and the real Northflank if the environment names it.

Set NORTHFLANK_API_TOKEN and NORTHFLANK_TEST_PROJECT (the project's id) for the real one. The tests create
jobs and secret groups named `contract-…` there, run small containers, and delete what they created. With
NORTHFLANK_TEST_PREFIX, as `make verify-live` sets it, their names begin with that, and only the real one is asked.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from northflank_emulator import Emulator, Settings

# Read before the session's fixtures hide the caller's settings.
_REAL_TOKEN = os.environ.get("NORTHFLANK_API_TOKEN", "")
_REAL_PROJECT = os.environ.get("NORTHFLANK_TEST_PROJECT", "")
_REAL_URL = os.environ.get("NORTHFLANK_API_BASE_URL", "https://api.northflank.com")
_REAL_TEAM = os.environ.get("NORTHFLANK_TEAM_ID", "")
_PREFIX = os.environ.get("NORTHFLANK_TEST_PREFIX", "")
_BACKENDS = (
    (*(() if _PREFIX else ("emulator",)), "northflank")
    if _REAL_TOKEN and _REAL_PROJECT
    else ("emulator",)
)
# What npm and pip need to reach their registries is in the caller's own home.
_HOME = os.environ.get("HOME", "")
_NPM_FILES = Path(__file__).parent / "npm"
PATIENCE_SECONDS = 300
LONGEST_PAUSE_SECONDS = 5.0
CALLS_KEPT = 100
"""Calls of an hour that the tests leave for deleting what they have created."""

Json = dict[str, Any]


@dataclass
class Northflank:
    """A project on the emulator or on Northflank; at the end only what the tests created is deleted."""

    client: httpx.Client
    project: str
    made: list[str] = field(default_factory=list)
    team: str = ""

    @property
    def path(self) -> str:
        return f"/v1{f'/teams/{self.team}' if self.team else ''}/projects/{self.project}"

    def name(self, subject: str) -> str:
        """Return a name that no other test uses."""
        return f"{_PREFIX or 'contract'}-{subject}-{uuid.uuid4().hex[:8]}"

    def call(self, method: str, path: str, status: int = 200, **request: Any) -> Json:
        """Call a path below the project, check the *status*, and return the body of the answer."""
        response = self.client.request(method, self.path + path, **request)
        assert response.status_code == status, f"{method} {path}: {response.text}"
        if method in {"POST", "PUT"} and status == 200 and path in {"/jobs", "/secrets"}:
            self.made.append(f"{path}/{response.json()['data']['id']}")
        return response.json()

    def job(self, subject: str, command: str = "true", **fields: Any) -> str:
        """Create a job, and return its id."""
        body = self.job_body(self.name(subject), command) | fields
        return self.call("POST", "/jobs", json=body)["data"]["id"]

    def job_body(self, name: str, command: str = "true") -> Json:
        """Return the body of a job that executes *command* in a small public image."""
        return {
            "name": name,
            "billing": {"deploymentPlan": "nf-compute-10"},
            "deployment": {
                "external": {"imagePath": "docker.io/library/python:3.12-slim"},
                "docker": {"configType": "customCommand", "customCommand": command},
                "gracePeriodSeconds": 15,
            },
            "settings": {"backoffLimit": 0, "activeDeadlineSeconds": 600},
        }

    def run(self, job: str, **overrides: Any) -> str:
        """Start a run, and return its id."""
        return self.call("POST", f"/jobs/{job}/runs", json=overrides)["data"]["id"]

    def concluded(self, job: str, run: str) -> Json:
        """Wait for the end of a run, and return it."""
        return self.until(
            lambda: self.call("GET", f"/jobs/{job}/runs/{run}")["data"], lambda it: it["concluded"]
        )

    def logs(self, job: str, run: str, **query: Any) -> list[str]:
        """Return the text of a run's log lines, oldest first, without the runtime's prefix."""
        params = {"queryType": "range", "direction": "forward", "runId": run, **query}
        lines = self.call("GET", f"/jobs/{job}/logs", params=params)["data"]
        return [line["log"].split(" F ", 1)[-1] for line in lines]

    def until(self, look: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
        """Call *look*, less and less often, until its result is good, and return it."""
        end = time.monotonic() + PATIENCE_SECONDS
        pause = 0.05
        while not good(seen := look()):
            if time.monotonic() > end:
                pytest.fail(f"still {seen} after {PATIENCE_SECONDS} s")
            time.sleep(pause)
            pause = min(pause * 1.4, LONGEST_PAUSE_SECONDS)
        return seen

    def delete_all(self) -> None:
        for path in reversed(self.made):
            self.client.delete(self.path + path)


@pytest.fixture(scope="session", params=_BACKENDS)
def northflank(request: pytest.FixtureRequest) -> Iterator[Northflank]:
    if request.param == "emulator":
        with Emulator(Settings(rate_limit=100_000)) as emulator:
            yield from _opened(emulator.base_url, emulator.token, emulator.project)
    else:
        yield from _opened(_REAL_URL, _REAL_TOKEN, _REAL_PROJECT, team=_REAL_TEAM)


def _opened(url: str, token: str, project: str, *, team: str = "") -> Iterator[Northflank]:
    headers = {"authorization": f"Bearer {token}"}
    hooks = {"response": [_keep_calls]}
    with httpx.Client(base_url=url, headers=headers, timeout=60, event_hooks=hooks) as client:
        it = Northflank(client, project, team=team)
        yield it
        client.event_hooks = {}
        it.delete_all()


def _keep_calls(response: httpx.Response) -> None:
    """Skip the test that would use calls of the hour that are needed for deleting what the tests have created."""
    left = response.headers.get("x-ratelimit-remaining", "")
    if left.isdigit() and int(left) < CALLS_KEPT:
        pytest.skip("the calls that are left of this hour are needed for cleaning up")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With a prefix, leave out the tests that are about the emulator alone."""
    if _PREFIX:
        others = [it for it in items if "northflank" not in getattr(it, "fixturenames", ())]
        config.hook.pytest_deselected(items=others)
        items[:] = [it for it in items if it not in others]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Return an emulator for one test."""
    with Emulator() as it:
        yield it


@pytest.fixture(scope="session")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the vendor's JavaScript client and CLI, installed from the lock file."""
    program = shutil.which("npm")
    if program is None or shutil.which("node") is None:
        pytest.skip("npm and node are not installed: the vendor's JavaScript clients cannot be run")
    folder = tmp_path_factory.mktemp("npm") / "project"
    shutil.copytree(_NPM_FILES, folder)
    done = subprocess.run(
        [program, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder, env={**os.environ, "HOME": _HOME}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"npm could not install the vendor's clients:\n{done.stderr[-1000:]}")
    return folder
