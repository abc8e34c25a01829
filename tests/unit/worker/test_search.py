"""The job run of a flow run is known by what its container told Prefect, never by guessing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect_northflank.api import JobRun, Project, RunStatus
from prefect_northflank.claims import CLAIMED, PASSED
from prefect_northflank.pid import InfrastructurePid
from prefect_northflank.search import Search

FLOW_RUN = FlowRun(id=UUID(int=7), flow_id=uuid4(), name="amber-bat")
P = Project(id="demo")
LASTING = InfrastructurePid(project=P, job="etl-0123abcd", run="r1")
SINGLE = InfrastructurePid(project=P, job=f"etl-{FLOW_RUN.id.hex}-c0de")
RUNS = [
    {"id": "r1", "runName": "etl-0123abcd-aaaa", "status": "RUNNING"},
    {"id": "r2", "runName": "etl-0123abcd-bbbb", "status": "RUNNING"},
]


@dataclass
class Ledger:
    """Prefect's records, in memory."""

    passed: str | None = None
    taken: set[str] = field(default_factory=set)

    async def states(self, _):
        said = [State(type=StateType.PENDING, name=CLAIMED)]
        if self.passed:
            said.append(State(type=StateType.PENDING, name=PASSED, message=self.passed))
        return said

    async def runs_claimed(self, _pid, *, deployment_id):  # noqa: ARG002 (the name is the caller's)
        return self.taken


def ask(client, wire, ledger, question, *, gated=True):
    wire.answer = lambda _: httpx.Response(200, json={"data": {"runs": RUNS}})
    return asyncio.run(question(Search(client=client, ledger=ledger, gated=gated)))


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
        client, wire, Ledger(container), lambda it: it.executing(FLOW_RUN, LASTING, run(0))
    )

    assert (really and really.run) == found


def test_a_container_of_no_known_run_proves_nothing(client, wire):
    really = ask(
        client, wire, Ledger("somewhere"), lambda it: it.executing(FLOW_RUN, LASTING, run(0))
    )

    assert really is None


def test_in_a_lasting_job_only_the_container_that_said_so_is_adopted(client, wire):
    found = ask(
        client,
        wire,
        Ledger("etl-0123abcd-bbbb-x7k2p"),
        lambda it: it.run_of(FLOW_RUN, LASTING),
    )
    silent = ask(client, wire, Ledger(), lambda it: it.run_of(FLOW_RUN, LASTING))

    assert found is not None
    assert (found.id, silent) == ("r2", None)


def test_a_job_of_one_flow_run_has_only_its_own_runs(client, wire):
    found = ask(client, wire, Ledger(), lambda it: it.run_of(FLOW_RUN, SINGLE))

    assert found is not None
    assert found.id == "r1"


def test_an_unguarded_run_is_one_that_no_other_flow_run_is_known_to_have(client, wire):
    found = ask(
        client,
        wire,
        Ledger(taken={"r1"}),
        lambda it: it.run_of(FLOW_RUN, LASTING),
        gated=False,
    )

    assert found is not None
    assert found.id == "r2"
