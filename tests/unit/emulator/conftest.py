"""An emulator in this process, and the vocabulary of its tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from northflank_emulator import Emulator, Fault, Outcome, Settings

PATIENCE_SECONDS = 60


@dataclass
class Stage:
    """An emulator with one project, called over real HTTP."""

    emulator: Emulator
    client: httpx.Client

    @property
    def jobs(self) -> str:
        return f"/v1/projects/{self.emulator.project}/jobs"

    def job(self, name: str = "the-job", command: str = "true", **settings: Any) -> str:
        """Create a job that executes *command*, and return its id; settings go to `settings`."""
        deployment = {
            "external": {"imagePath": "example/image:1"},
            "docker": {"configType": "customCommand", "customCommand": command},
            "gracePeriodSeconds": 15,
        }
        body = {
            "name": name,
            "billing": {"deploymentPlan": "nf-compute-20"},
            "deployment": deployment,
            "settings": {"backoffLimit": 0, **settings},
        }
        return self.emulator.call("PUT", self.jobs, body)["id"]

    def start(self, job: str = "the-job", **overrides: Any) -> str:
        return self.emulator.call("POST", f"{self.jobs}/{job}/runs", overrides)["id"]

    def run(self, run: str, job: str = "the-job") -> dict[str, Any]:
        return self.emulator.call("GET", f"{self.jobs}/{job}/runs/{run}")

    def concluded(self, run: str, job: str = "the-job") -> dict[str, Any]:
        return until(lambda: self.run(run, job), lambda it: it["concluded"])

    def containers(self, run: str, job: str = "the-job") -> list[str]:
        path = f"{self.jobs}/{job}/containers?runId={run}"
        return [it["status"] for it in self.emulator.call("GET", path)["containers"]]

    def log(self, run: str, job: str = "the-job") -> list[str]:
        path = f"{self.jobs}/{job}/logs?runId={run}&direction=forward&lineLimit=10000"
        return [line["log"] for line in self.emulator.call("GET", path)]

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.client.get(path, **more)


def until(look: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    """Call *look* until its result is good, and return it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not good(seen := look()):
        if time.monotonic() > end:
            pytest.fail(f"still {seen} after {PATIENCE_SECONDS} s")
        time.sleep(0.02)
    return seen


@pytest.fixture(name="until")
def _until() -> Callable[..., Any]:
    return until


@pytest.fixture
def stage() -> Iterator[Callable[..., Stage]]:
    """Start emulators with any settings, scripted outcomes and faults; stop them all at the end."""
    opened: list[tuple[Emulator, httpx.Client]] = []

    def start(
        *, outcomes: list[Outcome] | None = None, faults: tuple[Fault, ...] = (), **settings: Any
    ) -> Stage:
        chosen = Settings(**{"rate_limit": None, **settings})
        emulator = Emulator(chosen, outcomes=outcomes, faults=faults).__enter__()
        headers = {"authorization": f"Bearer {emulator.token}"}
        client = httpx.Client(base_url=emulator.base_url, headers=headers, timeout=60)
        opened.append((emulator, client))
        return Stage(emulator, client)

    yield start
    for emulator, client in opened:
        client.close()
        emulator.__exit__(None, None, None)
