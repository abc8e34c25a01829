"""A key that the flow does not know is refused by name, whichever way it comes, before any step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.slow

Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(place) -> Ask:
    def ask_(path: str, body: dict[str, Any]) -> httpx.Response:
        return httpx.post(place.environment["PREFECT_API_URL"] + path, json=body, timeout=60)

    return ask_


@pytest.fixture(scope="module")
def deployment(place) -> Iterator[str]:
    """The id of a deployment of the flow, for the tests of this file."""
    name = ("--name", "strict")
    deployed = place.command("waiting_flow.py", "prefect", "deploy", "--work-pool", "idle", *name)
    assert deployed.returncode == 0, deployed.stderr
    api = place.environment["PREFECT_API_URL"]
    yield httpx.get(f"{api}/deployments/name/WaitingFlow/strict").json()["id"]
    deleted = place.command("waiting_flow.py", "prefect", "delete", *name)
    assert deleted.returncode == 0, deleted.stderr


def test_the_api_refuses_an_unknown_key(ask, deployment):
    answer = ask(f"/deployments/{deployment}/create_flow_run", {"parameters": {"unheard_of": 1}})

    assert answer.status_code == 409
    assert "'unheard_of'" in answer.text


def test_a_run_that_nobody_checked_fails_before_its_first_step(place, ask, deployment):
    unchecked = {"parameters": {"unheard_of": 1}, "enforce_parameter_schema": False}
    run = ask(f"/deployments/{deployment}/create_flow_run", unchecked).json()["id"]

    ended = place.command("-m", "prefect", "flow-run", "execute", run)

    assert "'unheard_of'" in ended.stdout + ended.stderr
    found = ask("/flow_runs/filter", {"flow_runs": {"id": {"any_": [run]}}}).json()
    assert found[0]["state_type"] in {"FAILED", "CRASHED"}, found
    assert not (place.folder / ".metaflow" / "WaitingFlow" / f"prefect-{run}").exists()
