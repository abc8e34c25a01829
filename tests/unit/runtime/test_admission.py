"""Which tasks run together in one container, by what they ask for with @resources."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaflow_prefect.errors import SettingRefused
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.flow.dispatcher import Frame, Launch, TaskPlace
from metaflow_prefect.runtime.run.admission import AdmissionQueue, Capacity, Request

CONTAINER = Capacity(cpu=4, memory=16384)
HEAVY, LIGHT, CORES, NOTHING = (
    Request(memory=12000), Request(memory=1000), Request(cpu=2), Request(),
)  # fmt: skip


def launch(step: str, index: int | None = None) -> Launch:
    frames = () if index is None else (Frame(index, 100),)
    return Launch(TaskPlace(step, frames), ())


def queue(said=None, capacity=CONTAINER, **requests):
    return AdmissionQueue(capacity, requests, ([] if said is None else said).append)


def taken(waiting: AdmissionQueue) -> list[str]:
    labels = []
    while (item := waiting.take()) is not None:
        labels.append(item.place.label)
    return labels


def test_two_tasks_of_12000_mb_do_not_run_together_in_16_gb():
    said = []
    waiting = queue(said, train=HEAVY)
    waiting.extend(launch("train", index) for index in range(3))

    assert taken(waiting) == ["train[0]"]
    assert taken(waiting) == []
    waiting.release("train[0]")
    assert taken(waiting) == ["train[1]"]
    assert said == ["train[1] waits for memory: 12000 of 16384 MB are asked for by train[0]"]


def test_a_light_task_does_not_overtake_a_heavy_one_that_waits():
    waiting = queue(train=HEAVY, load=LIGHT)
    waiting.extend([launch("train", 0), launch("train", 1), launch("load")])

    assert taken(waiting) == ["train[0]"]
    waiting.release("train[0]")
    assert taken(waiting) == ["train[1]", "load"]


def test_a_task_that_asks_for_nothing_waits_for_no_other():
    waiting = queue(train=HEAVY, plain=NOTHING)
    waiting.extend([launch("train", 0), launch("train", 1), launch("plain")])

    assert taken(waiting) == ["train[0]", "plain"]


def test_a_request_beyond_the_container_runs_alone_and_the_log_says_so():
    said = []
    waiting = queue(said, train=Request(memory=99000), cores=CORES)
    waiting.extend([launch("cores"), launch("train"), launch("cores", 1)])

    assert taken(waiting) == ["cores"]
    assert said == ["train waits until it runs alone: it asks for more than 16384 MB of memory"]
    waiting.release("cores")
    assert taken(waiting) == ["train"]
    waiting.release("train")
    assert taken(waiting) == ["cores[1]"]


def test_a_line_names_three_tasks_and_counts_the_others():
    said = []
    waiting = queue(said, Capacity(cpu=10), train=CORES)
    waiting.extend(launch("train", index) for index in range(6))

    assert len(taken(waiting)) == 5
    assert said == [
        "train[5] waits for cpu: 10 of 10 vCPUs are asked for by train[0], train[1], train[2] and 2 more"
    ]


def test_three_tenths_of_a_vcpu_are_enough_for_three_tasks_of_one_tenth():
    waiting = queue(None, Capacity(cpu=0.3), train=Request(cpu=0.1))
    waiting.extend(launch("train", index) for index in range(4))

    assert len(taken(waiting)) == 3


REQUESTS = st.fixed_dictionaries(
    {name: st.builds(Request, cpu=st.integers(0, 8), memory=st.integers(0, 32)) for name in "abc"}
)
CAPACITIES = st.builds(
    Capacity,
    cpu=st.one_of(st.just(math.inf), st.integers(1, 8)),
    memory=st.one_of(st.just(math.inf), st.integers(1, 32)),
)


@given(CAPACITIES, REQUESTS, st.lists(st.sampled_from("abc"), max_size=30), st.data())
def test_whatever_is_asked_all_tasks_run_in_turn_and_within_the_container(
    capacity, requests, steps, data
):
    waiting = queue(None, capacity, **requests)
    waiting.extend(launch(step, index) for index, step in enumerate(steps))
    running: list[str] = []
    order: list[str] = []
    while waiting or running:
        begun = taken(waiting)
        running += begun
        order += begun
        asking = [request for label in running if capacity.limits(request := requests[label[0]])]
        for kind in ("cpu", "memory"):
            together = sum(getattr(request, kind) for request in asking)
            assert together <= getattr(capacity, kind) or len(asking) == 1
        assert running, "a task waits for nothing"
        ended = data.draw(st.sampled_from(running))
        running.remove(ended)
        waiting.release(ended)

    labels = [f"{step}[{index}]" for index, step in enumerate(steps)]
    assert sorted(order) == sorted(labels)
    for asks in (True, False):
        of_kind = {label for label in labels if capacity.limits(requests[label[0]]) == asks}
        assert [x for x in order if x in of_kind] == [x for x in labels if x in of_kind]


@given(REQUESTS, st.lists(st.sampled_from("abc"), max_size=30))
def test_where_the_container_has_no_known_size_the_order_stays(requests, steps):
    waiting = queue(None, Capacity(), **requests)
    waiting.extend(launch(step, index) for index, step in enumerate(steps))

    assert taken(waiting) == [f"{step}[{index}]" for index, step in enumerate(steps)]


def test_cleared_tasks_are_not_given_out():
    waiting = queue(train=HEAVY, plain=NOTHING)
    waiting.extend([launch("train", 0), launch("train", 1)])
    taken(waiting)
    waiting.extend([launch("plain")])
    assert len(waiting) == 2

    waiting.clear()
    waiting.release("train[0]")
    assert (len(waiting), waiting.take()) == (0, None)


def test_the_capacity_is_read_from_the_deployments_environment():
    environment = {variables.CONTAINER_CPU: "0.5", variables.CONTAINER_MEMORY: "16384"}

    assert Capacity.of(environment) == Capacity(cpu=0.5, memory=16384)
    assert Capacity.of({variables.CONTAINER_CPU: ""}) == Capacity()


@pytest.mark.parametrize("text", ["16G", "0", "-1", "nan", "inf"])
def test_a_capacity_that_is_no_size_is_refused_by_its_variable(text):
    with pytest.raises(SettingRefused, match=variables.CONTAINER_MEMORY):
        Capacity.of({variables.CONTAINER_MEMORY: text})


@pytest.mark.parametrize("text", ["memory=8G", "memory=-1", "memory=nan", "memory=", "memory"])
def test_a_tag_that_is_no_number_asks_for_nothing(text):
    assert Request.of({text, "cpu=2"}) == Request(cpu=2)
