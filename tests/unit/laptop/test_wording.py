"""What people read when a container ends or a call fails: what happened, and what they can do."""

from __future__ import annotations

from pathlib import Path

import pytest
from metaflow_northflank.broker.wording import ending, problem, waits_for
from prefect_northflank.api.access import access_from
from prefect_northflank.api.plans import published
from prefect_northflank.api.responses import Container, ContainerStatus, JobRun, LogLine, RunStatus
from prefect_northflank.errors import ConfigurationError, Delivery, Unreachable, error_for
from prefect_northflank.watch.exit_cause import Evidence, ExitCause, cause_of

FAILED = JobRun(
    id="r",
    status=RunStatus.FAILED,
    concluded=True,
    started_at="2026-01-01T00:00:00Z",
    concluded_at="2026-01-01T00:10:00Z",
)


def evidence(*, run=FAILED, statuses=(ContainerStatus.FAILED,), line="", deadline=7200, peak=None):
    return Evidence(
        run=run,
        containers=[Container(name=f"c{number}", status=it) for number, it in enumerate(statuses)],
        lines=[LogLine(text=line, at="")],
        deadline_seconds=deadline,
        plan=published("nf-compute-100-4"),
        image="python:3.11",
        peak_mb=peak,
    )


ENDS = {
    ExitCause.DELETED: evidence(run=None),
    ExitCause.DEADLINE: evidence(deadline=600),
    ExitCause.NO_IMAGE: evidence(line="Failed to pull image: ErrImagePull"),
    ExitCause.NO_COMMAND: evidence(line='exec: "bash": executable file not found in $PATH'),
    ExitCause.OUT_OF_MEMORY: evidence(statuses=[ContainerStatus.KILLED], peak=4000.0),
    ExitCause.NO_MACHINE: evidence(line="0/3 nodes are available: 3 Insufficient nvidia.com/gpu"),
    ExitCause.EVICTED: evidence(line="The node was low on resource. Evicted"),
    ExitCause.EXIT_ZERO: evidence(run=JobRun(id="r", status=RunStatus.SUCCESS, concluded=True)),
    ExitCause.NEVER_RAN: evidence(statuses=()),
    ExitCause.KILLED: evidence(statuses=[ContainerStatus.KILLED], peak=812.0),
    ExitCause.FAILED: evidence(),
}


@pytest.mark.golden
def test_every_end_of_a_container_is_told_in_words(golden):
    assert ENDS.keys() == set(ExitCause)
    assert {cause_of(it) for it in ENDS.values()} == set(ExitCause)
    told = [f"{cause.value}: {ending(it)}" for cause, it in ENDS.items()]
    golden(Path(__file__).with_name("ends.txt"), "\n".join(told) + "\n")


def refused(**environment):
    with pytest.raises(ConfigurationError) as raised:
        access_from(environment)
    return raised.value


@pytest.mark.golden
def test_every_refusal_of_northflank_is_told_with_what_to_do_here(golden):
    errors = [
        refused(),
        refused(NORTHFLANK_API_TOKEN="two\nlines"),
        refused(NORTHFLANK_API_TOKEN="t", NORTHFLANK_API_BASE_URL="api.northflank.com"),
        *(
            error_for(status=status, method="POST", path="/v1/projects/demo/jobs", message=message)
            for status, message in (
                (400, "Invalid request body: billing.deploymentPlan is not a plan"),
                (401, "Invalid token"),
                (403, "Missing permission"),
                (404, "Project not found"),
                (429, "Rate limit exceeded"),
                (503, "Down"),
            )
        ),
        Unreachable(
            method="GET", path="/v1/plans", delivery=Delivery.NOT_SENT, reason="ConnectError"
        ),
    ]
    golden(Path(__file__).with_name("problems.txt"), "\n".join(map(problem, errors)) + "\n")


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ((), "a machine with room for plan p"),
        ((ContainerStatus.STAGING,), "a machine or the image i"),
        ((ContainerStatus.RUNNING,), "fetches the code"),
    ],
)
def test_a_container_that_has_not_begun_is_told_with_what_it_waits_for(statuses, words):
    containers = tuple(Container(name="c", status=it) for it in statuses)

    assert words in waits_for(containers, "p", "i")
