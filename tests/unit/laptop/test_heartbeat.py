"""A run is lost when its sign of life does not change for long enough, whatever the clocks of its machines say."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from metaflow.datastore import FlowDataStore
from metaflow.plugins import DATASTORES
from metaflow_northflank.container import __main__ as container
from metaflow_northflank.heartbeat import Heartbeat, Life, LifeWatch, Sign
from metaflow_northflank.run.lost_runs import lost_runs

LOST_AFTER = 20.0


def sign(beat, *, at=0.0, may_finish=False, is_last=False):
    return Sign(
        beat=beat, nonce="n", at=at, lost_after=LOST_AFTER, may_finish=may_finish, is_last=is_last
    )


@pytest.fixture
def now():
    return SimpleNamespace(seconds=0.0)


def lives(now, *signs_and_seconds):
    """Return what each look says: each is a sign (None: there is none), or an error, and the seconds before it."""
    signs = iter(sign for sign, _ in signs_and_seconds)

    def last():
        found = next(signs)
        if isinstance(found, Exception):
            raise found
        return found

    watch, seen = LifeWatch(last, LOST_AFTER, clock=lambda: now.seconds), []
    for _, seconds in signs_and_seconds:
        now.seconds += seconds
        seen.append(watch.look())
    return seen


def test_a_run_whose_sign_changes_is_alive_and_lost_when_it_does_not_for_too_long(now):
    seen = lives(now, (sign("a"), 0), (sign("b"), 19), (sign("b"), 19), (sign("b"), 2))

    assert seen == [Life.SILENT, Life.ALIVE, Life.ALIVE, Life.LOST]


def test_a_run_that_never_gives_a_sign_is_lost_in_the_same_time(now):
    assert lives(now, (None, 0), (None, 19), (None, 2)) == [Life.SILENT, Life.SILENT, Life.LOST]


def test_a_run_that_has_given_its_last_sign_is_lost_at_once(now):
    assert lives(now, (sign("a", is_last=True), 0)) == [Life.LOST]


def test_a_datastore_that_cannot_be_read_says_nothing_about_the_run(now):
    assert lives(now, *[(OSError(), 15)] * 10) == [Life.UNKNOWN] * 10


def test_a_sign_is_read_as_it_was_given(tmp_path):
    (local,) = (it for it in DATASTORES if it.TYPE == "local")
    store = FlowDataStore("Flow", None, storage_impl=local, ds_root=str(tmp_path))

    assert Heartbeat(store, "1").last() is None
    Heartbeat(store, "1").beat(nonce="n", lost_after=30.0, may_finish=True)
    given = Heartbeat(store, "1").last()
    assert (given.lost_after, given.may_finish, given.is_last) == (30.0, True, False)
    assert given.seems_recent(time.time())
    Heartbeat(store, "1").beat(nonce="n", lost_after=30.0, may_finish=True)
    assert Heartbeat(store, "1").last().beat != given.beat


class Run:
    """A run with a clock of its own, that gives its last sign when *dies_at* seconds have passed."""

    def __init__(self, now, dies_at, *, clock_is_off=0.0):
        self._now = now
        self._dies_at = dies_at
        self._clock_is_off = clock_is_off

    def last(self):
        at = min(self._now.seconds, self._dies_at)
        return sign(f"{at // 4}", at=at + self._clock_is_off)


@pytest.mark.parametrize("clock_is_off", [0.0, -3600.0, 3600.0])
@pytest.mark.parametrize(("dies_at", "is_expected"), [(1e9, True), (100.0, False)])
def test_a_container_that_arrives_late_executes_nothing_if_its_run_is_gone(
    dies_at, is_expected, clock_is_off, now, monkeypatch
):
    """A wrong clock costs time, and nothing else."""
    monkeypatch.setattr(
        container,
        "time",
        SimpleNamespace(
            sleep=lambda seconds: setattr(now, "seconds", now.seconds + seconds),
            time=lambda: now.seconds,
        ),
    )
    now.seconds = 500.0
    run = Run(now, dies_at, clock_is_off=clock_is_off)
    watch = LifeWatch(run.last, LOST_AFTER, clock=lambda: now.seconds)

    assert container.is_expected(watch) is is_expected
    assert now.seconds - 500.0 <= LOST_AFTER + 2


def test_only_runs_whose_signs_were_seen_to_end_are_lost(now):
    now.seconds = 500.0
    runs = {"alive": Run(now, 1e9), "lost": Run(now, 100.0), "dies": Run(now, 505.0)}

    def last(run_id):
        if run_id == "unreadable":
            raise OSError
        return runs[run_id].last() if run_id in runs else None

    def wait(seconds):
        now.seconds += seconds
        return False

    found = lost_runs(last, [*runs, "unreadable", "unknown"], wait=wait, clock=lambda: now.seconds)

    # The one that dies is seen to live first: a later run finds it.
    assert set(found) == {"lost"}


def test_a_run_that_ends_meanwhile_removes_nothing(now):
    run = Run(now, 0.0)
    now.seconds = 100.0

    assert (
        lost_runs(lambda _: run.last(), ["1"], wait=lambda _: True, clock=lambda: now.seconds) == {}
    )
