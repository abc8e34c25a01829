"""The dispatcher decides what may run next from what tasks report; these tests drive it without running anything."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from metaflow_prefect.errors import UnexpectedTransition
from metaflow_prefect.runtime.flow.dispatcher import Dispatcher, Launch, TaskReport
from metaflow_prefect.runtime.flow.graph import (
    End,
    Foreach,
    Next,
    Parallel,
    Split,
    Step,
    Switch,
    Transition,
)


@dataclass
class NamedTask:
    """The least a step needs of a Prefect task."""

    name: str
    retries: int = 0
    timeout_seconds: float | None = None


def step(name: str, then: Transition, joins: str | None = None) -> Step:
    return Step(NamedTask(name), then, joins=joins)


class Walk:
    """Finishes tasks by hand and remembers what was launched."""

    def __init__(self, *steps: Step) -> None:
        self.dispatcher = Dispatcher(steps)
        self.waiting: dict[str, Launch] = {}
        self._take([self.dispatcher.begin("run/_parameters/t-params")])

    def _take(self, launches: list[Launch]) -> list[str]:
        labels = [launch.place.label for launch in launches]
        self.waiting.update(zip(labels, launches, strict=True))
        return labels

    def finish(self, label: str, *following: str, splits: int | None = None, gang=()) -> list[str]:
        place = self.waiting.pop(label).place
        report = TaskReport(
            path=f"run/{place.step}/{place.task_id}", next=following, num_splits=splits, gang=gang
        )
        return self._take(self.dispatcher.finished(place, report))

    def inputs(self, label: str) -> list[str]:
        return [path.removeprefix("run/") for path in self.waiting[label].inputs]


DIAMOND = (
    step("start", Split("a", "b")),
    step("a", Next("join")),
    step("b", Next("join")),
    step("join", Next("end"), joins="start"),
    step("end", End()),
)

FOREACH = (
    step("start", Foreach("work", over="items")),
    step("work", Next("join")),
    step("join", Next("end"), joins="start"),
    step("end", End()),
)


def test_the_first_step_gets_the_parameters():
    walk = Walk(step("begin", End()))

    assert walk.inputs("begin") == ["_parameters/t-params"]


def test_a_flow_is_complete_when_its_last_step_is_done():
    walk = Walk(step("only", End()))
    assert not walk.dispatcher.is_complete

    assert walk.finish("only") == []
    assert walk.dispatcher.is_complete


def test_both_branches_of_a_split_may_run_at_once():
    walk = Walk(*DIAMOND)

    assert walk.finish("start", "a", "b") == ["a", "b"]


def test_a_join_runs_once_and_only_when_every_branch_is_there():
    walk = Walk(*DIAMOND)
    walk.finish("start", "a", "b")

    assert walk.finish("b", "join") == []
    assert walk.finish("a", "join") == ["join"]


def test_inputs_of_a_split_join_come_in_the_order_of_the_branches_not_of_time():
    walk = Walk(*DIAMOND)
    walk.finish("start", "a", "b")
    walk.finish("b", "join")
    walk.finish("a", "join")

    assert walk.inputs("join") == ["a/t", "b/t"]


def test_a_foreach_launches_one_task_per_item_with_its_index():
    walk = Walk(*FOREACH)

    assert walk.finish("start", "work", splits=3) == ["work[0]", "work[1]", "work[2]"]
    assert [launch.split_index for launch in walk.waiting.values()] == [0, 1, 2]


def test_inputs_of_a_foreach_join_come_in_the_order_of_the_items():
    walk = Walk(*FOREACH)
    walk.finish("start", "work", splits=3)
    for label in ("work[2]", "work[0]", "work[1]"):
        walk.finish(label, "join")

    assert walk.inputs("join") == ["work/t-0", "work/t-1", "work/t-2"]


def test_inner_joins_do_not_wait_for_other_outer_items():
    walk = Walk(
        step("start", Foreach("outer")),
        step("outer", Foreach("inner")),
        step("inner", Next("inner_join")),
        step("inner_join", Next("outer_join"), joins="outer"),
        step("outer_join", Next("end"), joins="start"),
        step("end", End()),
    )
    walk.finish("start", "outer", splits=2)
    walk.finish("outer[0]", "inner", splits=2)
    walk.finish("inner[0,0]", "inner_join")

    assert walk.finish("inner[0,1]", "inner_join") == ["inner_join[0]"]
    assert "outer[1]" in walk.waiting


def test_a_split_inside_a_foreach_joins_within_its_item():
    walk = Walk(
        step("start", Foreach("fork")),
        step("fork", Split("a", "b")),
        step("a", Next("near")),
        step("b", Next("near")),
        step("near", Next("far"), joins="fork"),
        step("far", Next("end"), joins="start"),
        step("end", End()),
    )
    walk.finish("start", "fork", splits=2)
    walk.finish("fork[0]", "a", "b")
    walk.finish("fork[1]", "a", "b")
    walk.finish("a[0]", "near")

    assert walk.finish("b[1]", "near") == []
    assert walk.finish("b[0]", "near") == ["near[0]"]


def test_a_switch_runs_only_the_chosen_case():
    walk = Walk(
        step("start", Switch({"x": "a", "y": "b"}, on="kind")),
        step("a", Next("end")),
        step("b", Next("end")),
        step("end", End()),
    )

    assert walk.finish("start", "b") == ["b"]
    assert walk.finish("b", "end") == ["end"]


def test_a_case_may_fall_through_another():
    walk = Walk(
        step("start", Switch({"x": "a", "y": "b"}, on="kind")),
        step("a", Next("b")),
        step("b", Next("end")),
        step("end", End()),
    )

    assert walk.finish("start", "a") == ["a"]
    assert walk.finish("a", "b") == ["b"]


def test_a_recursive_switch_gets_a_new_task_each_turn_and_its_last_one_as_input():
    walk = Walk(
        step("start", Next("loop")),
        step("loop", Switch({"again": "loop", "done": "end"}, on="state")),
        step("end", End()),
    )
    walk.finish("start", "loop")

    assert walk.finish("loop", "loop") == ["loop#1"]
    assert walk.inputs("loop#1") == ["loop/t"]
    assert walk.finish("loop#1", "end") == ["end"]
    assert walk.inputs("end") == ["loop/t-i1"]


def test_thousands_of_turns_do_not_deepen_the_stack():
    walk = Walk(
        step("loop", Switch({True: "loop", False: "end"}, on="more")),
        step("end", End()),
    )
    label = "loop"
    for _ in range(5000):
        (label,) = walk.finish(label, "loop")

    assert walk.finish(label, "end") == ["end"]


def test_arms_of_a_switch_inside_a_foreach_meet_in_its_join_in_the_order_of_the_items():
    walk = Walk(
        step("start", Foreach("pick")),
        step("pick", Switch({"x": "a", "y": "b"}, on="kind")),
        step("a", Next("join")),
        step("b", Next("join")),
        step("join", Next("end"), joins="start"),
        step("end", End()),
    )
    walk.finish("start", "pick", splits=2)
    walk.finish("pick[0]", "b")
    walk.finish("pick[1]", "a")
    walk.finish("a[1]", "join")
    walk.finish("b[0]", "join")

    assert walk.inputs("join") == ["b/t-0", "a/t-1"]


def test_a_join_of_a_gang_gets_every_task_that_the_control_task_names():
    walk = Walk(
        step("start", Parallel("train")),
        step("train", Next("join")),
        step("join", Next("end"), joins="start"),
        step("end", End()),
    )
    (label,) = walk.finish("start", "train", splits=None)
    assert walk.waiting[label].is_control

    assert walk.finish(label, "join", gang=("run/train/c", "run/train/w1")) == ["join"]
    assert walk.inputs("join") == ["train/c", "train/w1"]


@pytest.mark.parametrize("following", [(), ("b",), ("join",), ("a", "b", "join")])
def test_a_transition_that_the_source_does_not_show_is_refused(following):
    walk = Walk(*DIAMOND)

    with pytest.raises(UnexpectedTransition, match="step start was expected to transition to a, b"):
        walk.finish("start", *following)


def test_a_switch_that_goes_elsewhere_is_refused_by_name():
    walk = Walk(step("start", Switch({"x": "end"}, on="kind")), step("end", End()))

    with pytest.raises(UnexpectedTransition, match=r"Switch step start .* it went to nowhere"):
        walk.finish("start", "nowhere")


def test_an_empty_foreach_launches_nothing_and_the_flow_is_not_complete():
    walk = Walk(*FOREACH)

    assert walk.finish("start", "work", splits=0) == []
    assert not walk.dispatcher.is_complete


def test_task_ids_are_the_same_in_every_execution_and_never_numbers():
    ids = set()
    for _ in range(2):
        walk = Walk(*FOREACH)
        walk.finish("start", "work", splits=2)
        ids |= {launch.place.task_id for launch in walk.waiting.values()}

    assert ids == {"t-0", "t-1"}
    assert not any(identifier.isdigit() for identifier in ids)
