"""Which lasting jobs give way to others, from the flow runs of their deployment."""

from __future__ import annotations

from uuid import UUID

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect_northflank.api.responses import Project
from prefect_northflank.recovery.superseded_jobs import is_superseded

P = Project(id="demo")


def flow_runs(used: str, **changes) -> list[FlowRun]:
    """Flow runs in these jobs, oldest first as one reads; `-` has no job run of this worker type."""
    made = [
        FlowRun(
            flow_id=UUID(int=1),
            infrastructure_pid=None if job == "-" else f"-:demo:{job}:r{number}",
            **changes,
        )
        for number, job in enumerate(used.split())
    ]
    return made[::-1]


@pytest.mark.parametrize(
    ("used", "superseded"),
    [
        ("a a b", "ac"),
        ("a a b b c", "ab"),
        ("a b a b", "c"),
        ("a b a b c", "ab"),
        ("b a", "bc"),
        ("a b b a", "c"),
        ("a single", "abc"),
    ],
)
def test_a_job_is_superseded_by_one_that_came_up_after_its_last_use(used, superseded):
    runs = flow_runs(used)

    assert {job for job in "abc" if is_superseded((P, job), runs)} == set(superseded)


@pytest.mark.parametrize("used", ["a a a", "a - -", "- -", ""])
def test_a_job_without_a_successor_stays(used):
    assert not is_superseded((P, "a"), flow_runs(used))


def test_a_flow_run_with_job_variables_of_its_own_supersedes_nothing():
    once = flow_runs("b", job_variables={"billing_gpu_enabled": True})

    assert not is_superseded((P, "a"), once + flow_runs("a a"))


def test_the_same_job_of_another_project_is_another_job():
    moved = flow_runs("a")

    assert is_superseded((Project(id="former"), "a"), moved)
    assert not is_superseded((P, "a"), moved)
