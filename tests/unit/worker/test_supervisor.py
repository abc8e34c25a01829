"""A flow run is seen through to its end, though the record misleads and what must be started again cannot be."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.settings import PREFECT_API_KEY, temporary_settings
from prefect_northflank import NorthflankJobConfiguration
from prefect_northflank.accounts import Accounts
from prefect_northflank.api.responses import Project
from prefect_northflank.flow_run.submission import FlowRunSubmission, Submitter
from prefect_northflank.flow_run.supervisor import FlowRunSupervisor
from prefect_northflank.intervals import Intervals
from prefect_northflank.records.claims import CLAIMED, PASSED, Claim
from prefect_northflank.records.flow_runs import FlowRunRecord
from prefect_northflank.records.infrastructure_pid import InfrastructurePid

FLOW_RUN = FlowRun(id=UUID(int=7), flow_id=uuid4(), name="amber-bat")
PID = InfrastructurePid(project=Project(id="demo"), job="etl-0123abcd", run="r1")
ANOTHER = replace(PID, run=None)
COMPLETED = State(type=StateType.COMPLETED, name="Completed")
AT_ONCE = Intervals(poll_seconds=0.01, first_look_seconds=0.01, grace_seconds=0.01)
FACTS = {
    "containers": {"containers": [{"name": "etl-0123abcd-aaaa-x7k2p", "status": "TASK_KILLED"}]},
    "logs": [],
    "metrics": {"memory": {"values": [{"data": [{"value": 530, "ts": "2026-01-01T00:00:00Z"}]}]}},
}
"""What Northflank tells about a job run, beside its status."""
LOG = logging.getLogger("test")


@dataclass
class RecordReader:
    """Prefect's records of one flow run, in memory."""

    state: StateType
    pid: InfrastructurePid = PID
    ended: State | None = None
    """What a late request has covered."""
    began: bool = True
    passed: bool = True
    """Whether the container of r1 has passed its gate."""
    misled: bool = False
    """Whether an earlier worker's record is yet to arrive."""
    refusals: int = 0
    """How often Northflank refuses the token once the states have been read."""
    written: list[str] = field(default_factory=list)
    tasks: tuple[str, ...] = ()
    """The tasks that are running."""
    labels: dict[str, object] = field(default_factory=dict)
    _states_read: bool = False

    def refuses(self) -> bool:
        refused = self._states_read and self.refusals > 0
        self.refusals -= refused
        return refused

    async def read(self, flow_run_ids):
        record = FlowRunRecord(
            state=self.state,
            state_name="",
            pid=str(self.pid),
            began=self.began,
            state_id=UUID(int=1),
        )
        if self.misled:
            self.pid, self.misled = ANOTHER, False
        return dict.fromkeys(flow_run_ids, record)

    async def states(self, _):
        self._states_read = True
        passed = State(type=StateType.PENDING, name=PASSED, message="etl-0123abcd-aaaa-x7k2p")
        return [State(type=StateType.PENDING, name=CLAIMED), *([passed] if self.passed else [])]

    async def restore_final_state(self, _):
        return self.ended

    async def claim(self, _flow_run_id, *, after, message):
        self.written.append(message)
        return Claim(id=after)

    async def write_pid(self, _, pid):
        self.written.append(pid)
        self.pid = InfrastructurePid.parse(pid)
        if self.pid.run is not None:
            self.state = StateType.COMPLETED

    async def write_labels(self, _, labels):
        self.labels.update(labels)

    async def running_tasks(self, _):
        return self.tasks

    async def propose(self, _, state):
        self.written.append(f"{state.name}: {state.message}")
        return True


@pytest.fixture
def seen_through(wire):
    """See the flow run through with these *records*; return what was written into it, and the calls to Northflank."""

    def answer(request: httpx.Request, records: RecordReader) -> httpx.Response:
        if records.refuses():
            return httpx.Response(401, json={"error": {"message": "invalid token"}})
        if request.method == "PUT":
            return httpx.Response(400, json={"error": {"message": "no such plan"}})
        if request.method == "DELETE":
            return httpx.Response(403, json={"error": {"message": "not allowed"}})
        run = {"id": "r1", "runName": "etl-0123abcd-aaaa", "status": "FAILED", "concluded": True}
        data = FACTS.get(request.url.path.rpartition("/")[2], {"runs": [run], **run})
        return httpx.Response(200, json={"data": data})

    def seen_through(records):
        wire.answer = partial(answer, records=records)
        configuration = NorthflankJobConfiguration(
            credentials={"api_token": "t"},
            project_id="demo",
            settings_backoff_limit=3,
            stream_output=False,
            cleanup_job=False,
        )
        configuration.prepare_for_flow_run(FLOW_RUN)

        async def scenario():
            accounts = Accounts(intervals=AT_ONCE, logger=LOG, transport=httpx.MockTransport(wire))
            submitter = Submitter(
                accounts=accounts, records=records, pool="nf", on_claim=lambda _: None
            )
            supervisor = FlowRunSupervisor(
                worker_name="me",
                accounts=accounts,
                records=records,
                submitter=submitter,
                intervals=AT_ONCE,
            )
            submission = FlowRunSubmission(flow_run=FLOW_RUN, configuration=configuration)
            await asyncio.wait_for(supervisor.supervise(submission, PID, log=LOG), 30)
            await accounts.close()

        # With a key and no address Prefect sends events nowhere; without, to a server that it starts for them.
        with temporary_settings({PREFECT_API_KEY: "pnu_1"}):
            asyncio.run(scenario())
        return records.written, wire.calls

    return seen_through


def test_a_flow_run_that_only_a_late_request_has_made_pending_is_not_started_again(seen_through):
    written, calls = seen_through(RecordReader(StateType.PENDING, ended=COMPLETED))

    assert written == []
    assert {call.split()[0] for call in calls} == {"GET"}


def test_what_cannot_be_started_again_is_reported_with_the_reason(seen_through):
    written, _ = seen_through(RecordReader(StateType.PENDING, passed=False))
    claim, intent, reported = written

    assert (claim, intent.split(":")[-1]) == ("A Northflank job run is being started.", "")
    assert reported.startswith("Crashed: Job run r1 ended before the flow run began, and no other")
    assert "no such plan" in reported


def test_a_flow_run_is_cancelled_though_its_job_run_may_not_be_aborted(seen_through):
    written, _ = seen_through(RecordReader(StateType.CANCELLING, began=False))

    assert written == ["Cancelled: Cancelled before the flow run began."]


def test_a_late_record_does_not_end_the_watch_over_the_run_that_executes(seen_through):
    written, _ = seen_through(RecordReader(StateType.RUNNING, misled=True))

    assert written == [str(PID)]


def test_a_token_refused_once_does_not_end_the_watch_over_the_run_that_executes(seen_through):
    written, _ = seen_through(RecordReader(StateType.RUNNING, misled=True, refusals=1))

    assert written == [str(PID)]


def test_a_killed_container_is_reported_with_its_peak_its_tasks_and_a_request(seen_through):
    records = RecordReader(StateType.RUNNING, tasks=("train[3]",))

    (reported,), calls = seen_through(records)

    assert reported == (
        "Crashed: Northflank job run r1 of etl-0123abcd: the container ran out of memory while train[3] ran; it had "
        "plan nf-compute-20 (0.2 vCPU, 512 MB), of which up to 505 MB of memory were measured in use. Next time ask "
        "for memory=1024 (in Metaflow: @resources(memory=1024)), which gets plan nf-compute-50 (0.5 vCPU, 1 GB)."
    )
    assert sum("/metrics" in call for call in calls) == 1
    assert records.labels["container.memory_mb"] == pytest.approx(505.4, abs=0.1)
    assert records.labels["container.memory_limit_mb"] == 512


def test_a_crash_that_the_container_lived_to_report_is_explained_by_its_memory(
    seen_through, caplog
):
    records = RecordReader(StateType.CRASHED)

    written, _ = seen_through(records)

    assert written == []
    assert "r1: the container ran out of memory; it had plan nf-compute-20" in caplog.text
    assert records.labels["container.memory_limit_mb"] == 512
