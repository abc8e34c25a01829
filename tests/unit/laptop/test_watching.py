"""The broker looks at job runs as seldom as it can, and does not believe a single answer."""

from __future__ import annotations

from types import SimpleNamespace

from metaflow_northflank.broker.active_runs import ActiveRun, ActiveRuns, take
from metaflow_northflank.broker.call_allowance import AT_ONCE, SECONDS_PER_CALL, CallAllowance
from prefect_northflank.api.responses import JobRun, RunStatus


def active(run, *, job="j", next_look=0.0):
    return ActiveRun(
        job=job, run=run, step="s", conversation=None, began_at=0.0, next_look=next_look
    )


def shown(run, *, concluded=False):
    return {run: JobRun(id=run, status=RunStatus.RUNNING, concluded=concluded)}


def test_one_run_that_is_due_makes_its_whole_job_due():
    runs = ActiveRuns()
    for it in (active("a"), active("b", next_look=99.0), active("c", job="k", next_look=99.0)):
        runs.add(it)

    assert {job: [run.run for run in its] for job, its in runs.due(1.0).items()} == {
        "j": ["a", "b"]
    }


def test_a_concluded_run_is_over_at_once_and_a_missing_one_at_the_second_look():
    ended, missing, running = active("ended"), active("missing"), active("running")
    found = {**shown("ended", concluded=True), **shown("running")}
    runs = [ended, missing, running]

    assert take(runs, found, now=20.0, seconds_per_call=0.0) == [ended]
    assert take(runs[1:], shown("running"), now=40.0, seconds_per_call=0.0) == [missing]
    assert missing.seen is None


def test_a_run_that_was_missing_once_is_not_over():
    run = active("a")
    take([run], {}, now=20.0, seconds_per_call=0.0)
    take([run], shown("a"), now=40.0, seconds_per_call=0.0)

    assert take([run], {}, now=60.0, seconds_per_call=0.0) == []


def test_watching_has_some_calls_at_once_and_then_one_a_minute():
    now = SimpleNamespace(seconds=0.0)
    allowance = CallAllowance(clock=lambda: now.seconds)

    assert [allowance.take() for _ in range(AT_ONCE + 1)] == [True] * AT_ONCE + [False]
    now.seconds += SECONDS_PER_CALL
    assert [allowance.take(), allowance.take()] == [True, False]


def test_what_may_be_left_out_leaves_calls_for_watching():
    allowance = CallAllowance(clock=lambda: 0.0)

    asked = [allowance.take(leaving=AT_ONCE - 2) for _ in range(AT_ONCE)]

    assert sum(asked) == 2
    assert allowance.take()
