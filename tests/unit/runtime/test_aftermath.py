"""What a container whose flow run has ended leaves in the datastore, and what follows from that."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from metaflow_prefect.runtime.flow.dispatcher import Frame, Launch, TaskPlace
from metaflow_prefect.runtime.flow.graph import Container, Next, Step
from metaflow_prefect.runtime.step_containers.aftermath import Ended, aftermath
from metaflow_prefect.runtime.step_containers.slices import MAX_FRUITLESS, slices
from metaflow_prefect.runtime.store.datastore import RunDatastore

LOST = Ended(is_lost=True, reason="Job run r1 ran out of the memory of plan nf-compute-20.")
SELF = Ended(is_lost=False, reason="Step train failed (train[1]).")


@dataclass
class PrefectTask:
    """What the runtime reads of a Prefect task."""

    name: str = "train"
    retries: int = 0
    timeout_seconds: float | None = None
    retry_delay_seconds: float = 0
    tags: set[str] = field(default_factory=set)


def step(user_retries=0, error_retries=0, delay=0):
    task = PrefectTask(retries=user_retries + error_retries, retry_delay_seconds=delay)
    return Step(task, Next("join"), error_retries=error_retries, container=Container())


@pytest.fixture
def datastore(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return RunDatastore("TrainFlow", "prefect-1", "local", str(tmp_path / ".metaflow"))


@pytest.fixture
def slice_():
    launches = [
        Launch(TaskPlace("train", (Frame(index, 3),)), ("prefect-1/start/t",), split_index=index)
        for index in range(3)
    ]
    return slices(launches, Container(tasks=3))[0]


def begin(datastore, launch, attempt=0):
    place = launch.place
    task = datastore.of_flow().get_task_datastore(
        datastore.run_id, place.step, place.task_id, attempt=attempt, mode="w"
    )
    task.init_task()
    return task


def finish(datastore, launch, attempt=0):
    task = begin(datastore, launch, attempt)
    task.save_artifacts([("_task_ok", True), ("_transition", (["join"], None))])
    task.done()


def test_results_are_taken_whatever_the_flow_run_says(datastore, slice_):
    for launch in slice_.launches:
        finish(datastore, launch)

    found = aftermath(slice_, LOST, step(), datastore)

    assert sorted(found.done) == ["train[0]", "train[1]", "train[2]"]
    assert (found.failed, found.again) == ({}, ())


def test_a_task_whose_process_failed_when_its_data_was_complete_is_not_done(datastore, slice_):
    launch = slice_.launches[0]
    finish(datastore, launch)
    datastore.save_exit(launch.place, 0, -9)

    assert datastore.record(launch.place) is None

    finish(datastore, launch, attempt=1)
    datastore.save_exit(launch.place, 1, 0)

    assert datastore.record(launch.place) is not None


def test_a_task_that_was_done_when_its_run_ended_it_stays_done(datastore, slice_):
    launch = slice_.launches[0]
    finish(datastore, launch)
    datastore.save_exit(launch.place, 0, -15, is_killed=True)

    assert datastore.record(launch.place) is not None


def test_a_flow_run_that_failed_itself_fails_its_open_tasks(datastore, slice_):
    finish(datastore, slice_.launches[0])

    found = aftermath(slice_, SELF, step(user_retries=3), datastore)

    assert sorted(found.done) == ["train[0]"]
    assert {label: str(error) for label, error in found.failed.items()} == {
        "train[1]": SELF.reason,
        "train[2]": SELF.reason,
    }
    assert found.again == ()


def test_a_task_that_died_alone_has_used_an_attempt(datastore, slice_):
    finish(datastore, slice_.launches[0])
    begin(datastore, slice_.launches[1])

    found = aftermath(slice_, LOST, step(user_retries=1, delay=30), datastore)

    (again,) = found.again
    assert again.labels == ("train[1]", "train[2]")
    assert (again.generation, again.pause) == (1, 30)
    assert datastore.attempts(slice_.launches[1].place) == 1
    assert datastore.attempts(slice_.launches[2].place) == 0


def test_tasks_that_died_in_company_run_again_alone_at_no_cost(datastore, slice_):
    begin(datastore, slice_.launches[0])
    begin(datastore, slice_.launches[2])

    found = aftermath(slice_, LOST, step(), datastore)

    assert [again.labels for again in found.again] == [("train[0]",), ("train[2]",), ("train[1]",)]
    assert [datastore.attempts(launch.place) for launch in slice_.launches] == [0, 0, 0]
    assert found.failed == {}


def test_a_task_whose_attempts_are_used_up_fails_with_what_its_worker_found(datastore, slice_):
    begin(datastore, slice_.launches[1])

    found = aftermath(slice_, LOST, step(), datastore)

    assert list(found.failed) == ["train[1]"]
    assert "ran out of the memory of plan nf-compute-20" in str(found.failed["train[1]"])
    assert [again.labels for again in found.again] == [("train[0]", "train[2]")]


def test_a_container_that_is_lost_again_and_again_ends_the_task(datastore, slice_):
    wanted, lost = step(user_retries=2), 0
    while slice_ is not None:
        begin(datastore, slice_.launches[0], attempt=lost)
        found = aftermath(slice_, LOST, wanted, datastore)
        lost += 1
        if found.failed:
            break
        (slice_,) = found.again

    assert lost == 3
    assert list(found.failed) == ["train[0]"]


def test_a_task_with_a_fallback_leaves_it_to_the_flow_run(datastore, slice_):
    begin(datastore, slice_.launches[1])

    found = aftermath(slice_, LOST, step(error_retries=1), datastore)

    assert found.failed == {}
    assert [(launch.place.label, spent) for launch, spent in found.fallbacks] == [("train[1]", 1)]


def test_a_container_that_never_began_costs_nothing_but_not_for_ever(datastore, slice_):
    lost = 0
    while True:
        found = aftermath(slice_, LOST, step(), datastore)
        lost += 1
        if found.failed:
            break
        (slice_,) = found.again

    assert lost == MAX_FRUITLESS
    assert sorted(found.failed) == ["train[0]", "train[1]", "train[2]"]
    assert "3 containers in a row ended before a task began" in str(found.failed["train[0]"])
    assert datastore.attempts(slice_.launches[0].place) == 0


def test_a_flow_run_that_is_executed_again_asks_for_the_same_containers(datastore, slice_):
    begin(datastore, slice_.launches[0])
    begin(datastore, slice_.launches[1])
    first = aftermath(slice_, LOST, step(user_retries=1), datastore)

    # Meanwhile one of them is done, and another has begun again.
    finish(datastore, slice_.launches[0])
    begin(datastore, slice_.launches[2])
    second = aftermath(slice_, LOST, step(user_retries=1), datastore)

    assert [again.key for again in second.again] == [again.key for again in first.again[1:]]
    assert sorted(second.done) == ["train[0]"]


def test_the_attempt_is_paid_once_however_often_the_loss_is_seen(datastore, slice_):
    begin(datastore, slice_.launches[0])

    for _ in range(3):
        found = aftermath(slice_, LOST, step(user_retries=1), datastore)

    assert datastore.attempts(slice_.launches[0].place) == 1
    assert [again.generation for again in found.again] == [1]
