"""The way from the package metaflow-prefect: its deployment becomes ours by the commands of the page."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from tests.docs.test_readme import BIN, command_blocks

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[3] / "docs" / "from-metaflow-prefect.md"


@flow(name="MyFlow")
def my_flow(alpha: float = 0.5) -> None:
    """Stand for the file that metaflow-prefect generates: a deployment of it refers to this file's path."""


def deploy_as_before(client) -> str:
    """Register a deployment and its automation as `prefect create` of metaflow-prefect 0.3.7 does."""
    made = my_flow.to_deployment(name="prod", cron="0 3 * * *", work_pool_name="my-pool").apply()
    starts_it = AutomationCore(
        name="metaflow/prod: on event 'data.ready'",
        trigger=EventTrigger(expect={"data.ready"}, posture=Posture.Reactive, threshold=1, within=0),
        actions=[RunDeployment(source="selected", deployment_id=made)],
        enabled=True,
    )  # fmt: skip
    client.create_automation(starts_it)
    return str(made)


def test_a_deployment_of_metaflow_prefect_is_taken_over_by_the_pages_commands(place, environment):
    made = place.command("-m", "prefect", "work-pool", "create", "--type", "process", "my-pool")
    assert made.returncode == 0, made.stderr
    with get_client(sync_client=True) as client:
        former = deploy_as_before(client)
        for block in command_blocks(PAGE.read_text(encoding="utf-8")):
            if block.not_run is None:
                done = subprocess.run(
                    ["bash", "-ec", block.script],
                    cwd=place.folder, env={**place.environment, "PATH": f"{BIN}:{place.environment['PATH']}"},
                    capture_output=True, text=True, timeout=300, check=False,
                )  # fmt: skip
                assert done.returncode == 0, done.stdout + done.stderr
        triggered = place.command(
            "my_flow.py", "prefect", "trigger", "--name", "prod", "--alpha", "1", "--json"
        )
        assert triggered.returncode == 0, triggered.stderr
        run = client.read_flow_run(json.loads(triggered.stdout)["run"].partition("/prefect-")[2])
        ours = client.read_deployment_by_name("MyFlow/prod")
        automations = [item.name for item in client.read_automations() if "prod" in item.name]
        place.command("my_flow.py", "prefect", "delete", "--name", "prod")

    assert str(ours.id) == former
    assert str(run.deployment_id) == former
    assert run.parameters == {"alpha": 1.0}
    assert Path(__file__).name not in str(ours.entrypoint)
    assert ours.schedules == []
    assert automations == []
