"""Artifacts are posted beside the tasks: in order, and never to a run's harm."""

from __future__ import annotations

import pytest

from metaflow_prefect.runtime.run.artifact_queue import ArtifactQueue


@pytest.mark.slow
def test_everything_is_posted_by_the_end_and_a_refusal_is_said_once(prefect_server):
    import httpx
    from prefect.settings import PREFECT_API_URL, temporary_settings

    said: list[str] = []
    good = [{"key": f"queue-{number}", "type": "markdown", "data": "x"} for number in range(5)]
    refused = {"key": "Not A Key", "type": "markdown", "data": "x"}
    with temporary_settings({PREFECT_API_URL: prefect_server.url}):
        artifacts = ArtifactQueue(said.append)
        with artifacts.posting():
            for artifact in [*good[:3], refused, refused, *good[3:]]:
                artifacts.post(lambda artifact=artifact: artifact)

    found = httpx.post(
        f"{prefect_server.url}/artifacts/filter",
        json={"artifacts": {"key": {"like_": "queue-"}}},
    ).json()
    posted = {artifact["key"] for artifact in found}
    assert {artifact["key"] for artifact in good} <= posted
    assert len(said) == 1
    assert "could not be posted" in said[0]
