"""What Prefect's record and Northflank's run mean together."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect_northflank.api.plans import Plan, published
from prefect_northflank.api.responses import (
    Container,
    ContainerStatus,
    JobRun,
    LogLine,
    Project,
    RunStatus,
)
from prefect_northflank.intervals import Intervals
from prefect_northflank.records.flow_runs import OWNER_LABEL, FlowRunRecord
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.recovery.orphan_rules import PoolWorkers, RecoveryAction, action_for
from prefect_northflank.watch.exit_cause import Evidence
from prefect_northflank.watch.exit_reason import reason
from prefect_northflank.watch.poll_schedule import polls_due, seconds_to_next_poll
from prefect_northflank.watch.watched_run import WatchedRun, WatchOutcome, outcome_of

PID = InfrastructurePid(project=Project(id="demo"), job="j", run="r1")
OTHER = "-:demo:j:r2"
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def watch(**changes) -> WatchedRun:
    usual = {
        "flow_run_id": uuid4(),
        "pid": PID,
        "began_at": 0.0,
        "pending_timeout": None,
        "next_poll": 0.0,
        "report_waiting": print,
        "done": asyncio.new_event_loop().create_future(),
    }
    return WatchedRun(**usual | changes)


def record(state: StateType, *, pid: str | None = str(PID), began: bool = True) -> FlowRunRecord:
    return FlowRunRecord(state=state, state_name=state.value.title(), pid=pid, began=began)


def test_a_crash_is_explained_though_a_time_cannot_be_read():
    assert "ended with an error" in said(ended="soon")


@pytest.mark.parametrize(
    "state", [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]
)
@pytest.mark.parametrize("concluded_at", [None, 0.0])
def test_a_flow_run_that_finished_in_prefect_is_finished_whatever_northflank_shows(
    state, concluded_at
):
    assert (
        outcome_of(watch(concluded_at=concluded_at), record(state), now=100, grace=15)
        is WatchOutcome.FINISHED
    )


@pytest.mark.parametrize(
    "state", [StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.SCHEDULED]
)
def test_while_the_container_goes_on_so_does_the_watch(state):
    assert outcome_of(watch(), record(state), now=1e6, grace=15) is None


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (StateType.RUNNING, WatchOutcome.DIED),
        (StateType.PENDING, WatchOutcome.NEVER_BEGAN),
        (StateType.CANCELLING, WatchOutcome.CANCELLED),
        (StateType.PAUSED, WatchOutcome.SUSPENDED),
        (StateType.SCHEDULED, WatchOutcome.RESCHEDULED),
    ],
)
def test_a_container_that_ended_is_believed_after_the_grace(state, outcome):
    assert outcome_of(watch(concluded_at=100.0), record(state), now=115, grace=15) is outcome


@pytest.mark.parametrize("state", [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING])
def test_within_the_grace_the_last_state_may_still_be_on_its_way(state):
    assert outcome_of(watch(concluded_at=100.0), record(state), now=114, grace=15) is None


def test_a_flow_run_submitted_again_has_another_watch():
    assert (
        outcome_of(watch(recorded=True), record(StateType.RUNNING, pid=OTHER), now=0, grace=15)
        is WatchOutcome.SUPERSEDED
    )


def test_a_record_that_has_not_shown_our_run_yet_is_merely_late():
    assert (
        outcome_of(watch(recorded=False), record(StateType.PENDING, pid=OTHER), now=0, grace=15)
        is None
    )


def test_a_deleted_flow_run_is_forgotten():
    assert outcome_of(watch(), None, now=0, grace=15) is WatchOutcome.FORGOTTEN


def test_cancelling_before_the_flow_began_is_ours_to_do():
    assert (
        outcome_of(watch(), record(StateType.CANCELLING, began=False), now=0, grace=15)
        is WatchOutcome.CANCELLED_EARLY
    )


def test_cancelling_a_flow_that_began_is_the_containers():
    assert outcome_of(watch(), record(StateType.CANCELLING), now=0, grace=15) is None


def test_pending_is_bounded_only_if_asked():
    pending = record(StateType.PENDING, began=False)

    assert (
        outcome_of(watch(pending_timeout=60.0), pending, now=60, grace=15)
        is WatchOutcome.PENDING_TOO_LONG
    )
    assert outcome_of(watch(pending_timeout=60.0), pending, now=59, grace=15) is None
    assert (
        outcome_of(watch(pending_timeout=60.0), record(StateType.RUNNING), now=1e6, grace=15)
        is None
    )


def test_one_run_that_is_due_makes_its_whole_job_due():
    due, young, elsewhere = (
        watch(),
        watch(next_poll=50.0),
        watch(pid=InfrastructurePid.parse("-:demo:k:r"), next_poll=50.0),
    )

    (look,) = polls_due([due, young, elsewhere], now=10)

    assert list(look.runs) == [due, young]


def test_a_long_run_is_looked_at_less_often_than_a_young_one():
    waits = [
        seconds_to_next_poll(age=age, calls=1, seconds_per_call=0, intervals=Intervals())
        for age in (0, 60, 600, 6000)
    ]

    assert waits == [15.0, 15.0, 150.0, 300.0]


def test_a_scarce_budget_stretches_the_looks():
    assert (
        seconds_to_next_poll(age=60, calls=500, seconds_per_call=9, intervals=Intervals()) == 4500
    )


# -- adoption ------------------------------------------------------------------------------------------------


def flow_run(
    *, state=StateType.RUNNING, owner="me", pid=str(PID), age=timedelta(hours=1)
) -> FlowRun:
    return FlowRun(
        flow_id=uuid4(),
        labels={OWNER_LABEL: owner} if owner else {},
        infrastructure_pid=pid,
        state=State(type=state, timestamp=NOW - age),
    )


def need(run: FlowRun, *, online=("me", "other"), in_hand=()) -> RecoveryAction:
    return action_for(
        run,
        PoolWorkers(me="me", online=online, in_hand=in_hand),
        now=NOW,
        settle=timedelta(seconds=60),
    )


def test_a_run_of_an_earlier_life_needs_a_watcher():
    assert need(flow_run()) is RecoveryAction.WATCH


def test_a_run_in_hand_needs_nothing():
    run = flow_run()

    assert need(run, in_hand={run.id}) is RecoveryAction.NOTHING


def test_a_run_of_another_worker_needs_nothing_while_that_worker_lives():
    assert need(flow_run(owner="other")) is RecoveryAction.NOTHING
    assert need(flow_run(owner="other"), online=("me",)) is RecoveryAction.WATCH


@pytest.mark.parametrize("pid", ["-:demo:j:", None])
def test_an_unrecorded_start_is_repeated_while_pending_and_searched_for_later(pid):
    assert need(flow_run(state=StateType.PENDING, pid=pid)) is RecoveryAction.START
    assert need(flow_run(state=StateType.RUNNING, pid=pid)) is RecoveryAction.SEARCH
    assert need(flow_run(state=StateType.CANCELLING, pid=pid)) is RecoveryAction.SEARCH


def test_a_young_one_is_given_time():
    assert (
        need(flow_run(state=StateType.PENDING, pid=None, age=timedelta(seconds=5)))
        is RecoveryAction.NOTHING
    )


def test_a_run_of_another_kind_of_worker_is_left_alone():
    assert need(flow_run(pid="host:1234")) is RecoveryAction.NOTHING


# -- diagnosis -----------------------------------------------------------------------------------------------

BEGAN, ENDED = "2026-01-01T00:00:00Z", "2026-01-01T00:00:05Z"


def said(
    *lines: str,
    containers=(ContainerStatus.FAILED,),
    status=RunStatus.FAILED,
    deadline=3600,
    ended=ENDED,
    **measured,
):
    run = JobRun(id="r1", status=status, concluded=True, started_at=BEGAN, concluded_at=ended)
    return reason(
        Evidence(
            run=run,
            containers=[Container(name="c", status=it) for it in containers],
            lines=[LogLine(text=it, at="") for it in lines],
            deadline_seconds=deadline,
            plan=published("nf-compute-20"),
            image="acme/flows:1",
            **measured,
        )
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Failed to pull image: manifest unknown", "acme/flows:1 could not be pulled"),
        ('exec: "prefect": executable file not found in $PATH', "command was not found"),
        ("sh: 1: prefect: command not found", "command was not found"),
        ("OOMKilled", "ran out of memory; it had plan nf-compute-20 (0.2 vCPU, 512 MB)"),
        ("0/3 nodes are available: Insufficient memory", "no machine could take the container"),
        ("Evicted: node pressure", "evicted"),
    ],
)
def test_what_the_container_wrote_last_tells_the_reason(line, words):
    assert words in said("something before", line)


def test_a_run_as_long_as_its_deadline_hit_it():
    assert "settings_active_deadline_seconds (5 s)" in said(deadline=5)


def test_a_container_that_never_ran_is_said_to_have_never_run():
    assert "never ran" in said(containers=())
    assert "never ran" in said(containers=(ContainerStatus.STAGING,))


def test_a_killed_container_names_the_usual_causes():
    assert "out of memory, evicted, or the run was aborted" in said(
        containers=(ContainerStatus.KILLED,)
    )


def test_a_clean_exit_without_a_final_state_is_no_success():
    assert "exit code 0" in said(status=RunStatus.SUCCESS)


def test_a_run_that_is_gone_was_deleted():
    assert "deleted" in reason(
        Evidence(
            run=None, containers=(), lines=(), deadline_seconds=None, plan=Plan(id="p"), image="i"
        )
    )


def test_a_container_killed_with_its_memory_full_names_plan_peak_tasks_and_remedy():
    assert said(
        containers=(ContainerStatus.KILLED,),
        peak_mb=500.4,
        tasks=("train[0]", "train[1]", "train[2]", "train[3]", "train[4]"),
    ) == (
        "the container ran out of memory while train[0], train[1], train[2] and 2 more ran; it had plan "
        "nf-compute-20 (0.2 vCPU, 512 MB), of which up to 500 MB of memory were measured in use. Next time ask for "
        "memory=1024 (in Metaflow: @resources(memory=1024)), which gets plan nf-compute-50 (0.5 vCPU, 1 GB)"
    )


def test_a_container_that_failed_with_memory_left_says_what_it_used_and_guesses_nothing():
    words = said(peak_mb=100, tasks=("start",))

    assert words.startswith("the container ended with an error before Prefect knew")
    assert "while start ran" in words
    assert "up to 100 MB of memory were measured in use. If that was too little, ask for" in words


def test_a_plan_whose_size_is_not_known_and_the_largest_plan_get_a_remedy_too():
    run = JobRun(id="r1", status=RunStatus.FAILED, concluded=True)

    def words(plan: Plan) -> str:
        return reason(
            Evidence(
                run=run,
                containers=[Container(name="c", status=ContainerStatus.FAILED)],
                lines=[LogLine(text="OOMKilled", at="")],
                deadline_seconds=None,
                plan=plan,
                image="i",
            )
        )

    assert "@resources(memory=…)" in words(Plan(id="our-own"))
    assert "make the step use less" in words(published("nf-compute-2000-40"))
