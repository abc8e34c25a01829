"""Deployed runs with `--metadata service`: every client sees them, whatever files it can read."""

from __future__ import annotations

import pytest

from tests.stack.metadata_service import running_service

pytestmark = pytest.mark.slow

_FLOW = ("counted_flow.py", "--metadata", "service", "prefect")


@pytest.fixture
def service(environment):
    """A metadata service; the client of this process goes back to its own metadata afterwards."""
    from metaflow import default_metadata

    with running_service() as running:
        yield running
    default_metadata()


def test_a_deployed_run_and_its_resumed_run_are_in_the_service_with_all_their_tasks(
    place, worker, service
):
    from metaflow import DeployedFlow, metadata

    deployed_it = place.command(
        *_FLOW, "deploy", "--work-pool", "pool", "--tag", "nightly",
        METAFLOW_SERVICE_URL=service.address, METAFLOW_SERVICE_AUTH_KEY="very s3cr3t",
    )  # fmt: skip
    assert deployed_it.returncode == 0, deployed_it.stderr
    deployed = DeployedFlow.from_prefect("CountedFlow/default")
    metadata(deployed.metadata)
    first = deployed.trigger(number=3)
    first.wait_for_completion(check_interval=1, timeout=300)
    assert first.status == "SUCCEEDED", first.logs()
    second = deployed.resume(origin_run_id=first.run.id, step_to_rerun="join", number=4)
    second.wait_for_completion(check_interval=1, timeout=300)
    assert second.status == "SUCCEEDED", second.logs()
    deployed.delete()

    run, again = first.run, second.run
    squares = {task.data.squared: task for task in run["square"]}
    assert deployed.metadata == f"service@{service.address}"
    assert (run.successful, run.data.total) == (True, 5)
    assert "nightly" in run.user_tags
    assert squares.keys() == {0, 1, 4}
    assert [parent.path_components[2] for parent in squares[4].parent_tasks] == ["start"]
    assert squares[4].stdout.strip() == "squared 2"
    assert "prefect-flow-run-id" in squares[4].metadata_dict
    assert (again.successful, again.data.total) == (True, 5)
    # Only what was executed again has seen the new value.
    assert {name: again[name].task.data.number for name in ("start", "join", "end")} == {
        "start": 3,
        "join": 4,
        "end": 4,
    }
    assert {task.origin_pathspec for task in again["square"]} == {
        task.pathspec for task in run["square"]
    }
    flow, run_id, step, task_id = squares[4].path_components
    alive = f"/flows/{flow}/runs/{run_id}/steps/{step}/tasks/{task_id}/heartbeat"
    assert ("POST", alive) in service.requests
    assert not (place.folder / ".metaflow" / "CountedFlow" / run.id / "_meta").exists()
    assert "s3cr3t" not in deployed_it.stdout
