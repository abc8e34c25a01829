"""Which tasks share a container, and what a lost container costs them."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from metaflow_prefect.runtime.flow.dispatcher import Frame, Launch, TaskPlace
from metaflow_prefect.runtime.flow.graph import Container
from metaflow_prefect.runtime.step_containers.slice_parameters import SliceOrder, order
from metaflow_prefect.runtime.step_containers.slices import (
    Lost,
    Slice,
    next_slices,
    payer,
    regroup,
    slices,
)


def fan_out(size, *outer):
    return [
        Launch(TaskPlace("train", (*outer, Frame(index, size))), ("r/start/t",), split_index=index)
        for index in range(size)
    ]


def labels(found):
    return [label for slice_ in found for label in slice_.labels]


@given(
    size=st.integers(0, 400),
    container=st.builds(Container, tasks=st.integers(0, 50), limit=st.integers(1, 120)),
)
def test_slices_hold_each_task_of_a_foreach_once_in_its_order(size, container):
    launches = fan_out(size)

    found = slices(launches, container)

    assert labels(found) == [launch.place.label for launch in launches]
    assert [slice_.key for slice_ in slices(launches, container)] == [s.key for s in found]
    assert len({slice_.key for slice_ in found}) == len(found)
    if container.tasks:
        assert all(len(slice_.launches) <= container.tasks for slice_ in found)
    else:
        assert len(found) <= container.limit


def test_by_default_a_foreach_has_at_most_a_hundred_containers():
    assert len(slices(fan_out(10_000), Container())) == 100
    assert len(slices(fan_out(7), Container())) == 7


def test_a_task_of_no_foreach_is_a_slice_of_one():
    launches = [Launch(TaskPlace("a"), ("r/start/t",)), Launch(TaskPlace("b"), ("r/start/t",))]

    assert labels(slices(launches, Container(tasks=10))) == ["a", "b"]
    assert len(slices(launches, Container(tasks=10))) == 2


def test_the_control_task_of_a_gang_is_a_slice_of_one():
    control = Launch(
        TaskPlace("train", (Frame(0, None),)), ("r/start/t",), split_index=0, is_control=True
    )

    assert slices([control], Container(tasks=10)) == [Slice((control,))]


def test_a_slice_is_named_by_its_first_and_its_last_task():
    inner = fan_out(5, Frame(2, 3))

    assert [slice_.name for slice_ in slices(inner, Container(tasks=2))] == [
        "train[2,0-1]",
        "train[2,2-3]",
        "train[2,4]",
    ]


def test_the_same_tasks_have_another_key_in_another_generation():
    (slice_,) = slices(fan_out(3), Container(tasks=3))
    (again,) = next_slices(slice_, [slice_.labels], is_fruitless=False, pause=0)

    assert again.key != slice_.key
    assert again.labels == slice_.labels


def test_a_task_that_was_alone_pays_and_tasks_in_company_do_not():
    assert payer(Lost(open=("a", "b"), begun=("a",), progressed=False)) == "a"
    assert payer(Lost(open=("a", "b"), begun=("a", "b"), progressed=False)) is None
    assert payer(Lost(open=("a", "b"), begun=(), progressed=True)) is None


@given(data=st.data(), count=st.integers(1, 20))
def test_each_open_task_gets_one_other_container(data, count):
    open_ = tuple(f"train[{index}]" for index in range(count))
    begun = tuple(data.draw(st.lists(st.sampled_from(open_), unique=True)))
    without = data.draw(st.sampled_from((*begun, None)))

    groups = regroup(Lost(open=open_, begun=begun, progressed=False), without=without)

    assert sorted(label for group in groups for label in group) == sorted(
        label for label in open_ if label != without or len(begun) > 1
    )


def test_tasks_that_died_in_company_run_alone_and_the_others_together():
    lost = Lost(open=("a", "b", "c", "d"), begun=("a", "c"), progressed=False)

    assert regroup(lost) == (("a",), ("c",), ("b", "d"))


def test_fruitless_containers_are_counted_until_a_task_begins():
    (first,) = slices(fan_out(2), Container(tasks=2))
    (second,) = next_slices(first, [first.labels], is_fruitless=True, pause=0)
    (third,) = next_slices(second, [first.labels], is_fruitless=True, pause=0)
    (fourth,) = next_slices(third, [first.labels], is_fruitless=False, pause=0)

    assert [slice_.fruitless for slice_ in (first, second, third, fourth)] == [0, 1, 2, 0]


def test_a_slice_with_gaps_is_named_by_its_first_task_and_the_number_of_others():
    (slice_,) = slices(fan_out(6), Container(tasks=6))
    (again,) = next_slices(
        slice_, [("train[0]", "train[2]", "train[5]")], is_fruitless=False, pause=0
    )

    assert again.name == "train[0] and 2 more"


@settings(deadline=None)
@given(size=st.integers(1, 40), tasks=st.integers(1, 50), outer=st.integers(0, 3))
def test_a_flow_run_is_told_exactly_the_tasks_of_its_slice(size, tasks, outer):
    frames = [Frame(index, 4) for index in range(outer)]
    for slice_ in slices(fan_out(size, *frames), Container(tasks=tasks)):
        about = {"run_id": "prefect-1", "parent": "1", "deployment": None}
        told = json.loads(json.dumps(order(slice_, **about).to_json()))

        assert SliceOrder.from_json(told).launches == slice_.launches


def test_ten_thousand_tasks_fit_into_the_parameters_of_a_flow_run():
    (slice_,) = slices(fan_out(10_000), Container(tasks=10_000))
    told = order(slice_, run_id="prefect-1", parent="1", deployment=None).to_json()

    assert len(json.dumps(told)) < 512_000
