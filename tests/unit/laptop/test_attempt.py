"""A start that may be repeated executes a task once, in whatever order its processes read and write the datastore."""

from __future__ import annotations

import itertools

import pytest
from metaflow.datastore import FlowDataStore
from metaflow.plugins import DATASTORES
from metaflow_northflank.attempt import Arrival, AttemptRecord, ContainerExit
from metaflow_northflank.container.__main__ import may_execute


@pytest.fixture
def store(tmp_path):
    (local,) = (it for it in DATASTORES if it.TYPE == "local")
    return FlowDataStore("Flow", None, storage_impl=local, ds_root=str(tmp_path))


def record(store, attempt=0):
    return AttemptRecord(store, "1/start/2", attempt)


def test_a_container_executes_the_task_if_its_token_is_the_last(store):
    record(store).record_start("a")

    assert may_execute(record(store), "a")
    assert record(store).arrival("a") is Arrival.EXECUTING


def test_a_container_of_an_earlier_start_executes_nothing(store):
    record(store).record_start("a")
    record(store).record_start("b")

    assert not may_execute(record(store), "a")
    assert record(store).arrival("a") is Arrival.DECLINED
    assert may_execute(record(store), "b")


def test_attempts_have_records_of_their_own(store):
    record(store, 0).record_start("a")
    record(store, 0).record_exit(ContainerExit(code=1, reason="why"))

    assert record(store, 1).last_start() is None
    assert record(store, 1).exit() is None
    assert record(store, 0).exit() == ContainerExit(code=1, reason="why")


def container(store, token):
    """The steps of a container, one at a time; ends with whether it executes the task."""
    mine = record(store)
    mine.record_arrival(token, Arrival.ANNOUNCED)
    yield
    is_last = mine.last_start() == token
    yield
    mine.record_arrival(token, Arrival.EXECUTING if is_last else Arrival.DECLINED)
    yield
    return is_last


def repeated_start(store):
    """The steps of a task whose start got no answer, until it knows; ends with whether it starts another container."""
    mine = record(store)
    mine.record_start("b")
    yield
    while mine.arrival("a") is Arrival.ANNOUNCED:
        yield
    return mine.arrival("a") is not Arrival.EXECUTING


def interleaved(order, *processes):
    """Run the steps of *processes* in this order, then the rest; return what each ends with."""
    ended = {}
    for number in itertools.chain(order, itertools.cycle(range(len(processes)))):
        if number not in ended:
            try:
                next(processes[number])
            except StopIteration as end:
                ended[number] = end.value
        if len(ended) == len(processes):
            return [ended[number] for number in sorted(ended)]
    raise AssertionError


@pytest.mark.parametrize("order", sorted(set(itertools.permutations([0, 0, 0, 1, 1, 1]))))
def test_in_any_order_either_the_first_container_executes_or_a_second_is_started(order, store):
    record(store).record_start("a")

    first_executes, starts_another = interleaved(
        order, container(store, "a"), repeated_start(store)
    )

    assert first_executes is not starts_another
