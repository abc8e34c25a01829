"""The job run of a flow run is known by what its container told Prefect, never by guessing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect_northflank.api.responses import JobRun, Project, RunStatus
from prefect_northflank.errors import NotFound
from prefect_northflank.records.claims import CLAIMED, PASSED
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.start.find_job_run import JobRunSearch

FLOW_RUN = FlowRun(id=UUID(int=7), flow_id=uuid4(), name="amber-bat")
P = Project(id="demo")
LASTING = InfrastructurePid(project=P, job="etl-0123abcd", run="r1")
SINGLE = InfrastructurePid(project=P, job=f"etl-{FLOW_RUN.id.hex}-c0de")
RUNS = [
    {"id": "r1", "runName": "etl-0123abcd-aaaa", "status": "RUNNING"},
    {"id": "r2", "runName": "etl-0123abcd-bbbb", "status": "RUNNING"},
]


@dataclass
class RecordReader:
    """Prefect's records, in memory."""

    passed: str | None = None
    taken: set[str] = field(default_factory=set)

    async def states(self, _):
        said = [State(type=StateType.PENDING, name=CLAIMED)]
        if self.passed:
            said.append(State(type=StateType.PENDING, name=PASSED, message=self.passed))
        return said

    async def runs_claimed(self, _pid, *, deployment_id):  # noqa: ARG002  the name is the caller's
        return self.taken


def ask(client, wire, records, question, *, gated=True):
    wire.answer = lambda _: httpx.Response(200, json={"data": {"runs": RUNS}})
    return asyncio.run(question(JobRunSearch(client=client, records=records, gated=gated)))


def run(number: int) -> JobRun:
    fields = RUNS[number]
    return JobRun(
        id=fields["id"], name=fields["runName"], status=RunStatus.RUNNING, concluded=False
    )


@pytest.mark.parametrize(
    ("container", "found"),
    [("etl-0123abcd-bbbb-x7k2p", "r2"), ("etl-0123abcd-aaaa-x7k2p", None), (None, None)],
)
def test_the_run_whose_container_passed_its_gate_is_the_one_that_executes(
    client, wire, container, found
):
    really = ask(
        client, wire, RecordReader(container), lambda it: it.executing(FLOW_RUN, LASTING, run(0))
    )

    assert (really and really.run) == found


def test_a_container_of_no_known_run_proves_nothing(client, wire):
    really = ask(
        client, wire, RecordReader("somewhere"), lambda it: it.executing(FLOW_RUN, LASTING, run(0))
    )

    assert really is None


def test_in_a_lasting_job_only_the_container_that_said_so_is_adopted(client, wire):
    found = ask(
        client,
        wire,
        RecordReader("etl-0123abcd-bbbb-x7k2p"),
        lambda it: it.find(FLOW_RUN, LASTING),
    )
    silent = ask(client, wire, RecordReader(), lambda it: it.find(FLOW_RUN, LASTING))

    assert found is not None
    assert (found.run, silent) == ("r2", None)


def test_a_job_of_one_flow_run_has_only_its_own_runs(client, wire):
    found = ask(client, wire, RecordReader(), lambda it: it.find(FLOW_RUN, SINGLE))

    assert found is not None
    assert found.run == "r1"


def test_a_run_is_searched_for_in_the_job_of_its_container_whatever_was_recorded(client, wire):
    job = f"etl-{FLOW_RUN.id.hex}-beef"

    found = ask(
        client, wire, RecordReader(f"{job}-aaaa-x7k2p"), lambda it: it.find(FLOW_RUN, SINGLE)
    )

    assert found == InfrastructurePid(project=P, job=job, run="r1")
    assert wire.calls == [f"GET /v1/projects/demo/jobs/{job}/runs"]


@pytest.mark.parametrize(
    ("container", "is_it"),
    [("etl-0123abcd-aaaa-x7k2p", True), ("etl-0123abcd-bbbb-x7k2p", False), (None, False)],
)
def test_a_run_whose_container_passed_the_gate_executes_it_whatever_was_recorded(
    client, wire, container, is_it
):
    def answer(search):
        wire.answer = lambda _: httpx.Response(200, json={"data": RUNS[0]})
        return search.is_executed_by(FLOW_RUN, LASTING)

    assert ask(client, wire, RecordReader(container), answer) is is_it


def gone(request: httpx.Request) -> httpx.Response:
    """A project that is there, without the job that is asked for."""
    if request.url.path.endswith("/projects/demo"):
        return httpx.Response(200, json={"data": {"name": "demo"}})
    return httpx.Response(404, json={"error": {"message": "Not found"}})


def test_a_job_that_was_deleted_has_no_run_that_executes_and_is_no_error(client, wire):
    container = "etl-0123abcd-aaaa-x7k2p"

    assert (
        ask(client, wire, RecordReader(container), in_a_deleted_job(wire, "executing", None))
        is None
    )
    assert not ask(client, wire, RecordReader(container), in_a_deleted_job(wire, "is_executed_by"))
    assert not ask(client, wire, RecordReader(container), in_a_deleted_job(wire, "has_unclaimed"))
    assert ask(client, wire, RecordReader(container), in_a_deleted_job(wire, "find")) is None


@pytest.mark.parametrize(
    ("container", "deleted"),
    [("etl-0123abcd-aaaa-x7k2p", True), ("other-4567abcd-aaaa-x7k2p", False), (None, False)],
)
def test_a_job_was_deleted_under_its_run_only_if_the_run_has_said_it_executes(
    client, wire, container, deleted
):
    asked = in_a_deleted_job(wire, "was_deleted")

    assert ask(client, wire, RecordReader(container), asked) is deleted


def test_a_job_in_a_project_that_is_not_seen_is_not_known_to_be_deleted(client, wire):
    def asked(search):
        wire.answer = lambda _: httpx.Response(404, json={"error": {"message": "Not found"}})
        return search.was_deleted(FLOW_RUN, LASTING)

    with pytest.raises(NotFound):
        ask(client, wire, RecordReader("etl-0123abcd-aaaa-x7k2p"), asked)


def in_a_deleted_job(wire, question, *more):
    def asked(search):
        wire.answer = gone
        return getattr(search, question)(FLOW_RUN, LASTING, *more)

    return asked


def test_an_unguarded_run_is_one_that_no_other_flow_run_is_known_to_have(client, wire):
    found = ask(
        client,
        wire,
        RecordReader(taken={"r1"}),
        lambda it: it.find(FLOW_RUN, LASTING),
        gated=False,
    )

    assert found is not None
    assert found.run == "r2"
